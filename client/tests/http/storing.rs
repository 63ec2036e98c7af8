//! §3: what is stored, and for whom.

use http::StatusCode;

use tokio::task::JoinSet;

use crate::support::{Lines, Site, answer, call, millis, page};

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

#[track_caller]
fn same((first, second): (String, String)) {
    assert_eq!((first.as_str(), second.as_str()), ("1", "1"));
}

#[track_caller]
fn different((first, second): (String, String)) {
    assert_eq!((first.as_str(), second.as_str()), ("1", "2"));
}

async fn kept(fields: Lines<'static>) -> bool {
    Site::with(fields).twice(&[], &[]).await.1 == "1"
}

#[tokio::test]
async fn section_3_only_what_says_how_long_it_may_be_kept_is_stored() {
    assert!(kept(&[MINUTE]).await);
    assert!(
        kept(&[
            ("cdn-cache-control", "max-age=60"),
            ("cache-control", "no-store")
        ])
        .await
    );
    assert!(!kept(&[]).await);
    assert!(!kept(&[("last-modified", "Thu, 18 Aug 2005 02:01:40 GMT")]).await);
    assert!(!kept(&[("cache-control", "max-age=0")]).await);
}

#[tokio::test]
async fn section_3_what_is_for_one_client_is_not_stored() {
    for forbidding in [
        ("cache-control", "private"),
        ("cache-control", "no-store"),
        ("set-cookie", "session=1"),
        ("vary", "*"),
    ] {
        let fields = Box::leak(Box::new([MINUTE, forbidding]));
        assert!(!kept(fields).await, "{forbidding:?}");
    }
}

#[tokio::test]
async fn section_3_5_credentials_need_a_permission() {
    let as_user = [("authorization", "Basic YTpi")];
    different(Site::with(&[MINUTE]).twice(&as_user, &as_user).await);
    different(Site::with(&[MINUTE]).twice(&as_user, &[]).await);
    let public: Lines<'_> = &[("cache-control", "max-age=60, public")];
    same(Site::with(public).twice(&as_user, &[]).await);
}

#[tokio::test]
async fn section_3_5_what_others_may_see_a_client_with_credentials_may_see_too() {
    same(
        Site::with(&[MINUTE])
            .twice(&[], &[("authorization", "Basic YTpi")])
            .await,
    );
}

#[tokio::test]
async fn section_3_5_a_client_with_credentials_does_not_remove_what_others_see() {
    let stale: Lines<'_> = &[
        ("cache-control", "max-age=60, stale-while-revalidate=60"),
        ("age", "60"),
        ("etag", "\"a\""),
    ];
    let site = Site::with(stale);
    site.get("/", &[]).await;
    site.settled().await;
    for _ in 0..3 {
        let reply = site.get("/", &[("authorization", "Basic YTpi")]).await;
        assert_eq!(reply.body, "1");
        site.settled().await;
    }
}

/// Lets nobody in who shows credentials, and fails those who come after the first.
fn refusing(first: Lines<'static>) -> Site {
    Site::answering(
        |layer| layer.pass_for(millis(60_000)),
        move |request, call| async move {
            if request.headers().contains_key("authorization") {
                return Ok(answer(401, &[], "no"));
            }
            tokio::time::sleep(millis(100)).await;
            Ok(match call {
                1 | 2 => page(first, "page"),
                _ => answer(503, &[], "down"),
            })
        },
    )
}

#[tokio::test]
async fn a_refusal_of_one_client_leaves_what_others_may_be_served() {
    let site = refusing(&[
        ("cache-control", "max-age=60, stale-if-error=60"),
        ("age", "60"),
    ]);
    site.get("/", &[]).await;
    site.settled().await;
    let refused = site.get("/", &[("authorization", "bad")]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    site.settled().await;
    assert_eq!(site.get("/", &[]).await.body, "page");
}

#[tokio::test]
async fn a_refusal_of_one_client_does_not_make_others_ask_side_by_side() {
    let site = refusing(&[MINUTE]);
    site.get("/", &[("authorization", "bad")]).await;
    site.settled_but_for_backoff().await;
    let mut clients = JoinSet::new();
    for _ in 0..20 {
        let service = site.service.clone();
        clients.spawn(async move { call(&service, "GET", "/", &[]).await.unwrap().status() });
    }
    assert_eq!(clients.join_all().await, vec![StatusCode::OK; 20]);
    assert_eq!(site.calls(), 2);
}

#[tokio::test]
async fn cookies_are_shared_only_with_a_lifetime_that_was_said() {
    let with = |field| {
        let fields = Box::leak(Box::new([field, ("set-cookie", "session=1")]));
        Site::set_up(
            |layer| layer.share_cookies(true).heuristic_freshness(true),
            fields,
        )
    };
    let modified = ("last-modified", "Thu, 18 Aug 2005 02:01:40 GMT");
    same(with(MINUTE).twice(&[], &[]).await);
    different(with(modified).twice(&[], &[]).await);
    different(with(("etag", "\"a\"")).twice(&[], &[]).await);
}

#[tokio::test]
async fn a_default_ttl_is_not_for_clients_with_cookies() {
    let site = || {
        Site::set_up(
            |layer| layer.default_ttl(std::time::Duration::from_secs(60)),
            &[],
        )
    };
    same(site().twice(&[], &[]).await);
    let cookie = [("cookie", "session=1")];
    different(site().twice(&cookie, &cookie).await);
    different(site().twice(&cookie, &[]).await);
}

#[tokio::test]
async fn section_3_1_fields_of_the_connection_are_not_stored() {
    let site = Site::with(&[
        MINUTE,
        ("connection", "a"),
        ("a", "1"),
        ("keep-alive", "5"),
        ("b", "2"),
    ]);
    site.get("/", &[]).await;
    site.settled().await;
    let reply = site.get("/", &[]).await;
    assert!(reply.is_hit(), "{reply:?}");
    assert_eq!(
        [
            reply.field("a"),
            reply.field("keep-alive"),
            reply.field("b")
        ],
        ["", "", "2"]
    );
}

#[tokio::test]
async fn section_3_1_named_fields_are_only_for_the_client_that_asked() {
    let site = Site::with(&[
        ("cache-control", "max-age=60, private=\"a\""),
        ("a", "secret"),
    ]);
    assert_eq!(site.get("/", &[]).await.field("a"), "secret");
    site.settled().await;
    let reply = site.get("/", &[]).await;
    assert!(reply.is_hit() && reply.field("a").is_empty(), "{reply:?}");
}

#[tokio::test]
async fn section_3_3_parts_and_answers_to_conditions_are_not_stored() {
    for status in [206, 304, 416] {
        let site = Site::answering(
            |layer| layer,
            move |_, call| async move { Ok(answer(status, &[MINUTE], call.to_string())) },
        );
        different(site.twice(&[], &[]).await);
    }
}

#[tokio::test]
async fn errors_are_stored_if_they_say_so() {
    let site = Site::answering(
        |layer| layer,
        move |_, call| async move { Ok(answer(404, &[MINUTE], call.to_string())) },
    );
    site.get("/", &[]).await;
    site.settled().await;
    let reply = site
        .get(
            "/",
            &[("if-modified-since", "Thu, 18 Aug 2050 02:01:40 GMT")],
        )
        .await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (StatusCode::NOT_FOUND, "1")
    );
}

#[tokio::test]
async fn rfc_9110_6_6_1_a_stored_response_has_the_date_of_its_arrival() {
    let site = Site::with(&[MINUTE]);
    site.get("/", &[]).await;
    site.settled().await;
    let reply = site.get("/", &[]).await;
    assert!(reply.field("date").ends_with(" GMT"), "{reply:?}");
}

#[tokio::test]
async fn rfc_9110_9_3_1_requests_with_content_are_not_for_the_cache() {
    let site = Site::with(&[MINUTE]);
    site.get("/", &[]).await;
    site.settled().await;
    let reply = site.get("/", &[("content-length", "5")]).await;
    assert_eq!(
        (reply.body.as_str(), reply.cache_status()),
        ("2", "larder; fwd=bypass; fwd-status=200")
    );
    assert_eq!(
        site.get("/", &[("transfer-encoding", "chunked")])
            .await
            .body,
        "3"
    );
    assert_eq!(site.get("/", &[("upgrade", "websocket")]).await.body, "4");
    assert_eq!(site.get("/", &[]).await.body, "1");
}

#[tokio::test]
async fn tags_are_not_for_clients() {
    let site = Site::with(&[MINUTE, ("cache-tag", "a, b"), ("surrogate-key", "c d")]);
    for _ in 0..2 {
        let reply = site.get("/", &[]).await;
        assert_eq!(
            [reply.field("cache-tag"), reply.field("surrogate-key")],
            ["", ""]
        );
        site.settled().await;
    }
    let tags = site.server.client().sorted("CACHE.TAGS t:http:{site/}");
    assert_eq!(tags, ["t:a", "t:b", "t:c", "t:d", "t:uri:http:{site/}"]);
}

#[tokio::test]
async fn section_2_hosts_paths_and_queries_are_resources_of_their_own() {
    let site = Site::answering(
        |layer| layer,
        async |request, _| {
            let host = request.headers()["host"].to_str().unwrap().to_owned();
            Ok(page(&[MINUTE], format!("{host}{}", request.uri())))
        },
    );
    for path in ["/a", "/b", "/a?x=1", "/a?x=2"] {
        for _ in 0..2 {
            assert_eq!(site.get(path, &[]).await.body, format!("site{path}"));
            site.settled().await;
        }
    }
    assert_eq!(site.calls(), 4);
}
