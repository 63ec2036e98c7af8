//! §5.2.1: what clients ask of the cache; and what `Cache-Control` means that is contradictory or broken.

use http::StatusCode;

use crate::support::{Lines, Site, millis, page};

const CONTROL: &str = "cache-control";

#[tokio::test]
async fn section_5_2_1_a_client_may_want_it_fresher() {
    for wish in ["no-cache", "max-age=0", "max-age=5", "min-fresh=55"] {
        // How early a page may be replaced depends on how long it took, to the millisecond.
        let site = Site::answering(
            |layer| layer,
            async |_, call| {
                tokio::time::sleep(millis(5)).await;
                Ok(page(
                    &[(CONTROL, "max-age=60"), ("age", "10")],
                    call.to_string(),
                ))
            },
        );
        site.get("/", &[]).await;
        site.settled().await;
        let reply = site.get("/", &[(CONTROL, wish)]).await;
        assert_eq!(reply.body, "2", "{wish}");
        assert!(
            reply.cache_status().starts_with("larder; fwd=request"),
            "{reply:?}"
        );
        site.settled().await;
        assert_eq!(site.get("/", &[]).await.body, "2", "it is kept for others");
    }
}

#[tokio::test]
async fn section_5_2_1_5_what_a_client_does_not_want_stored_is_not() {
    let site = Site::with(&[(CONTROL, "max-age=60")]);
    let private = [(CONTROL, "no-store")];
    assert_eq!(site.get("/", &private).await.body, "1");
    assert_eq!(site.get("/", &[]).await.body, "2");
    site.settled().await;
    assert_eq!(site.get("/", &private).await.body, "2");
}

#[tokio::test]
async fn section_5_2_1_7_only_what_is_there_is_served_on_request() {
    let site = Site::with(&[(CONTROL, "max-age=60")]);
    let only = [(CONTROL, "only-if-cached")];
    assert_eq!(
        site.get("/", &only).await.status,
        StatusCode::GATEWAY_TIMEOUT
    );
    // Nobody has to be waited for, either.
    site.server.client().lease("t:http:{site/}");
    assert_eq!(
        site.get("/", &only).await.status,
        StatusCode::GATEWAY_TIMEOUT
    );
    assert_eq!(site.calls(), 0);
    site.server.client().text("DEL t:http:{site/}");
    site.get("/", &[]).await;
    site.settled().await;
    assert_eq!(site.get("/", &only).await.body, "1");
}

/// Everybody gets a page of his own.
async fn assert_not_shared(site: &Site, request: Lines<'_>) {
    let bodies = site.twice(request, &[]).await;
    assert_eq!((&*bodies.0, &*bodies.1), ("1", "2"));
}

#[tokio::test]
async fn section_5_2_2_7_private_once_is_private() {
    let lines: [Lines<'static>; 3] = [
        &[
            (CONTROL, "max-age=60, private"),
            (CONTROL, r#"private="x-user""#),
        ],
        &[(CONTROL, "max-age=60, private=1")],
        &[(CONTROL, "max-age=60, private=true")],
    ];
    for lines in lines {
        assert_not_shared(&Site::with(lines), &[]).await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_not_stored() {
    for line in [
        "max-age=60, a=\"x, private",
        "max-age=60, no-store, ext=\"\u{e9}\"",
    ] {
        let fields: Lines<'static> = Box::leak(Box::new([(CONTROL, line)]));
        assert_not_shared(&Site::with(fields), &[]).await;
        let site = Site::with(&[(CONTROL, "max-age=60")]);
        assert_not_shared(&site, &[(CONTROL, line)]).await;
    }
}

#[tokio::test]
async fn rfc_9213_2_2_a_targeted_field_counts_if_it_says_anything() {
    let empty: Lines<'static> = &[(CONTROL, "no-store"), ("cdn-cache-control", "")];
    let site = Site::set_up(|layer| layer.default_ttl(millis(60_000)), empty);
    assert_not_shared(&site, &[]).await;
}
