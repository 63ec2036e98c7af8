//! §4.3: conditional requests, of clients and of the cache.

use http::StatusCode;
use larder_client::http::CacheLayer;
use tokio::task::JoinSet;

use crate::support::{Lines, Site, answer, call, millis, page, read};

const TAGGED: Lines<'static> = &[("cache-control", "max-age=60"), ("etag", "\"a\"")];
const STALE: Lines<'static> = &[
    ("cache-control", "max-age=60"),
    ("age", "60"),
    ("etag", "\"a\""),
    ("cache-tag", "tag"),
    ("b", "1"),
];

/// Answers with [`STALE`], and confirms that with these fields.
fn confirming(fields: Lines<'static>) -> Site {
    confirming_to(|layer| layer, fields)
}

fn confirming_to(layer: impl FnOnce(CacheLayer) -> CacheLayer, fields: Lines<'static>) -> Site {
    Site::answering(layer, move |request, call| async move {
        if request
            .headers()
            .get("if-none-match")
            .is_some_and(|tag| tag == "\"a\"")
        {
            return Ok(answer(304, fields, ""));
        }
        Ok(page(STALE, call.to_string()))
    })
}

#[tokio::test]
async fn section_4_3_2_a_client_is_spared_what_it_has() {
    let site = Site::with(TAGGED);
    site.get("/", &[]).await;
    site.settled().await;
    let reply = site.get("/", &[("if-none-match", "W/\"a\"")]).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
    assert_eq!(reply.field("etag"), "\"a\"");
    assert_eq!(site.get("/", &[("if-none-match", "\"b\"")]).await.body, "1");
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn section_4_3_1_what_is_stale_is_confirmed_by_the_origin() {
    let site = confirming(&[("cache-control", "max-age=600"), ("b", "2")]);
    site.get("/", &[]).await;
    site.settled().await;
    let reply = site.get("/", &[]).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "1"));
    assert_eq!(reply.cache_status(), "larder; fwd=stale; fwd-status=304");
    assert_eq!(reply.field("b"), "2", "{reply:?}");
    site.settled().await;
    assert!(site.get("/", &[]).await.is_hit());
    assert_eq!(site.calls(), 2);
}

#[tokio::test]
async fn section_4_3_4_what_is_confirmed_keeps_its_tags() {
    let site = confirming(&[("cache-control", "max-age=600")]);
    site.twice(&[], &[]).await;
    site.settled().await;
    assert!(site.get("/", &[]).await.is_hit());
    site.cache.invalidate(["tag"]).await.unwrap();
    assert_eq!(site.get("/", &[]).await.body, "3");
}

#[tokio::test]
async fn section_4_3_4_cookies_of_a_confirmation_are_for_one_client() {
    for shares in [false, true] {
        let site = confirming_to(
            |layer| layer.share_cookies(shares),
            &[
                ("cache-control", "max-age=600"),
                ("set-cookie", "session=1"),
            ],
        );
        site.get("/", &[]).await;
        site.settled().await;
        assert_eq!(site.get("/", &[]).await.field("set-cookie"), "session=1");
        site.settled().await;
        let reply = site.get("/", &[]).await;
        assert!(
            reply.is_hit() && reply.field("set-cookie").is_empty(),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn section_4_3_4_what_confirms_another_page_does_not_update_this_one() {
    let fresh: Lines<'static> = &[("cache-control", "max-age=60"), ("etag", "\"b\"")];
    let site = Site::answering(
        |layer| layer,
        async |request, call| {
            Ok(if request.headers().contains_key("if-none-match") {
                answer(304, fresh, "")
            } else {
                page(if call == 1 { STALE } else { fresh }, call.to_string())
            })
        },
    );
    assert_eq!(site.twice(&[], &[]).await.1, "3");
    site.settled().await;
    let reply = site.get("/", &[]).await;
    assert!(reply.is_hit(), "{reply:?}");
    assert_eq!((reply.field("etag"), reply.body.as_str()), ("\"b\"", "3"));
}

#[tokio::test]
async fn section_4_3_3_what_has_changed_replaces_what_was_stored() {
    let site = Site::answering(
        |layer| layer,
        async |_, call| {
            let tag = if call == 1 {
                ("etag", "\"a\"")
            } else {
                ("etag", "\"b\"")
            };
            let age = if call == 1 {
                ("age", "60")
            } else {
                ("age", "0")
            };
            Ok(page(
                &[("cache-control", "max-age=60"), tag, age],
                call.to_string(),
            ))
        },
    );
    assert_eq!(site.twice(&[], &[]).await.1, "2");
    site.settled().await;
    assert!(site.get("/", &[]).await.is_hit());
}

#[tokio::test]
async fn clients_with_conditions_make_one_call_for_a_cold_page() {
    let site = Site::answering(
        |layer| layer,
        async |request, call| {
            tokio::time::sleep(millis(200)).await;
            assert!(!request.headers().contains_key("if-none-match"));
            Ok(page(TAGGED, call.to_string()))
        },
    );
    let mut clients = JoinSet::new();
    for n in 0..50 {
        let service = site.service.clone();
        clients.spawn(async move {
            let tag = if n % 2 == 0 { "\"a\"" } else { "\"old\"" };
            let response = call(&service, "GET", "/", &[("if-none-match", tag)]).await;
            let reply = read(response.unwrap()).await;
            let expected = if n % 2 == 0 { (304, "") } else { (200, "1") };
            assert_eq!((reply.status.as_u16(), reply.body.as_str()), expected);
        });
    }
    clients.join_all().await;
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn pages_that_have_to_be_confirmed_are_confirmed_side_by_side() {
    let site = Site::answering(
        |layer| layer,
        async |request, _| {
            tokio::time::sleep(millis(100)).await;
            let fields = [("cache-control", "no-cache"), ("etag", "\"a\"")];
            Ok(if request.headers().contains_key("if-none-match") {
                answer(304, &fields, "")
            } else {
                page(&fields, "page")
            })
        },
    );
    site.get("/", &[]).await;
    site.settled().await;
    let started = std::time::Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..30 {
        let service = site.service.clone();
        clients.spawn(async move {
            read(call(&service, "GET", "/", &[]).await.unwrap())
                .await
                .body
        });
    }
    assert_eq!(clients.join_all().await, vec!["page"; 30]);
    assert_eq!(site.calls(), 31);
    assert!(started.elapsed() < millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn section_4_3_5_head_is_answered_from_get() {
    let site = Site::with(&[("cache-control", "max-age=60"), ("content-length", "1")]);
    site.get("/", &[]).await;
    site.settled().await;
    let reply = site.send("HEAD", "/", &[]).await;
    assert!(reply.is_hit(), "{reply:?}");
    assert_eq!(
        (reply.body.as_str(), reply.field("content-length")),
        ("", "1")
    );
}

#[tokio::test]
async fn section_4_3_5_head_refreshes_what_it_agrees_with() {
    for (tag, expected) in [("\"a\"", "1"), ("\"b\"", "3")] {
        let site = Site::answering(
            |layer| layer,
            move |request, call| async move {
                Ok(if request.method() == "HEAD" {
                    page(&[("cache-control", "max-age=600"), ("etag", tag)], "")
                } else {
                    page(STALE, call.to_string())
                })
            },
        );
        site.get("/", &[]).await;
        site.settled().await;
        let reply = site.send("HEAD", "/", &[]).await;
        assert!(
            reply.cache_status().starts_with("larder; fwd=stale"),
            "{reply:?}"
        );
        site.settled().await;
        assert_eq!(site.get("/", &[]).await.body, expected, "{tag}");
    }
}

#[tokio::test]
async fn rfc_9110_14_2_parts_are_cut_from_the_whole() {
    let site = Site::answering(|layer| layer, async |_, _| Ok(page(TAGGED, "0123456789")));
    site.get("/", &[]).await;
    site.settled().await;
    let part = site.get("/", &[("range", "bytes=2-4")]).await;
    assert_eq!(
        (part.status, part.body.as_str()),
        (StatusCode::PARTIAL_CONTENT, "234")
    );
    assert_eq!(
        [part.field("content-range"), part.field("content-length")],
        ["bytes 2-4/10", "3"]
    );
    let none = site.get("/", &[("range", "bytes=10-")]).await;
    assert_eq!(none.status, StatusCode::RANGE_NOT_SATISFIABLE);
    let other = site
        .get("/", &[("range", "bytes=2-4"), ("if-range", "\"b\"")])
        .await;
    assert_eq!(
        (other.status, other.body.as_str()),
        (StatusCode::OK, "0123456789")
    );
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn parts_of_a_cold_page_do_not_wait_for_one_another() {
    let site = Site::answering(
        |layer| layer,
        async |_, _| {
            tokio::time::sleep(millis(100)).await;
            Ok(answer(206, &[("content-range", "bytes 0-0/2")], "0"))
        },
    );
    let started = std::time::Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..30 {
        let service = site.service.clone();
        clients.spawn(async move {
            let response = call(&service, "GET", "/", &[("range", "bytes=0-0")]).await;
            assert_eq!(response.unwrap().status(), StatusCode::PARTIAL_CONTENT);
        });
    }
    clients.join_all().await;
    assert!(started.elapsed() < millis(1500), "{:?}", started.elapsed());
}
