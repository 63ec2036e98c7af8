//! §4.2.4 and RFC 5861: what is stale is served only where that is allowed.

use std::time::Duration;

use http::StatusCode;
use larder_client::http::CacheLayer;
use tower_layer::Layer;

use crate::support::{Lines, Reply, Site, answer, cache, call, page, read, until};

/// A site whose first answer is stale at once, and whose others are errors.
fn failing(fields: Lines<'static>, how: impl Fn(CacheLayer) -> CacheLayer) -> Site {
    Site::answering(how, move |_, call| async move {
        match call {
            1 => Ok(page(fields, "1")),
            _ if call % 2 == 0 => Ok(answer(503, &[], "down")),
            _ => Err("unreachable"),
        }
    })
}

async fn after_failure(site: &Site) -> Option<Reply> {
    site.get("/", &[]).await;
    site.settled().await;
    let response = call(&site.service, "GET", "/", &[]).await.ok()?;
    Some(read(response).await)
}

#[tokio::test]
async fn rfc_5861_4_a_stale_page_stands_in_for_a_failing_origin() {
    let fields = &[
        ("cache-control", "max-age=60, stale-if-error=60"),
        ("age", "59"),
    ];
    let site = failing(fields, |layer| layer);
    site.get("/", &[]).await;
    site.settled().await;
    until("it is stale", async || {
        site.server.client().text("CACHE.GET t:http:{site/}") == "nil"
    })
    .await;
    let reply = site.get("/", &[]).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "1"));
    assert_eq!(
        reply.cache_status(),
        "larder; fwd=stale; fwd-status=503; detail=stale-if-error"
    );
    site.settled_but_for_backoff().await;
    for _ in 0..10 {
        let reply = site.get("/", &[]).await;
        assert_eq!(reply.body, "1");
        assert!(
            reply.cache_status().starts_with("larder; hit; ttl="),
            "{reply:?}"
        );
        assert!(
            reply.cache_status().ends_with("; detail=stale-if-error"),
            "{reply:?}"
        );
    }
    assert_eq!(site.calls(), 2, "it is let alone for a while");
}

#[tokio::test]
async fn rfc_5861_4_the_layer_may_say_so_for_all() {
    let day = Duration::from_secs(60 * 60 * 24);
    for (control, body) in [
        ("max-age=60", "1"),
        ("s-maxage=60", "down"),
        ("max-age=60, must-revalidate", "down"),
        ("max-age=60, proxy-revalidate", "down"),
    ] {
        let fields = Box::leak(Box::new([("cache-control", control), ("age", "60")]));
        let site = failing(fields, |layer| layer.stale_if_error(day));
        let reply = after_failure(&site).await.unwrap();
        assert_eq!(reply.body, body, "{control}");
    }
}

#[tokio::test]
async fn errors_are_told_if_nothing_else_was_agreed() {
    let fields = &[
        ("cache-control", "max-age=60"),
        ("age", "60"),
        ("etag", "\"a\""),
    ];
    let site = failing(fields, |layer| layer);
    assert_eq!(after_failure(&site).await.unwrap().body, "down");
    let error = call(&site.service, "GET", "/", &[]).await.err();
    assert_eq!(error, Some("unreachable"));
}

const REVALIDATED: Lines<'static> = &[
    ("cache-control", "max-age=60, stale-while-revalidate=60"),
    ("age", "60"),
];

#[tokio::test]
async fn rfc_5861_3_a_stale_page_is_served_while_one_request_looks_for_a_newer_one() {
    let site = Site::answering(
        |layer| layer,
        async |_, call| {
            if call == 1 {
                return Ok(page(REVALIDATED, "old"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(page(&[("cache-control", "max-age=60")], "new"))
        },
    );
    site.get("/", &[]).await;
    site.settled().await;
    let second = cache(&site.server);
    let other = CacheLayer::new(&second).layer(site.origin());
    for _ in 0..5 {
        for service in [&site.service, &other] {
            let reply = read(call(service, "GET", "/", &[]).await.unwrap()).await;
            assert_eq!(reply.body, "old");
            assert!(
                reply.cache_status().starts_with("larder; hit; ttl="),
                "{reply:?}"
            );
        }
    }
    until("the newer one is served", async || {
        site.get("/", &[]).await.body == "new"
    })
    .await;
    assert_eq!(site.calls(), 2);
}

#[tokio::test]
async fn a_failed_revalidation_leaves_what_is_there() {
    let site = failing(REVALIDATED, |layer| layer);
    site.get("/", &[]).await;
    for _ in 0..4 {
        site.settled_but_for_backoff().await;
        assert_eq!(site.get("/", &[]).await.body, "1");
    }
    until("the origin is asked again", async || {
        assert_eq!(site.get("/", &[]).await.body, "1");
        site.calls() >= 3
    })
    .await;
}

#[tokio::test]
async fn section_4_2_4_what_must_be_revalidated_is_not_served_stale() {
    for strict in ["must-revalidate", "proxy-revalidate", "no-cache"] {
        let control = format!("max-age=60, stale-while-revalidate=60, {strict}");
        let control: &'static str = Box::leak(control.into_boxed_str());
        let fields = Box::leak(Box::new([
            ("cache-control", control),
            ("age", "60"),
            ("etag", "\"a\""),
        ]));
        assert_eq!(Site::with(fields).twice(&[], &[]).await.1, "2", "{strict}");
    }
}
