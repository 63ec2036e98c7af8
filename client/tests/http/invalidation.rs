//! §4.4: changes make what was stored invalid; and purging, which RFC 9111 knows nothing of.

use std::sync::Arc;

use http::StatusCode;
use larder_client::http::CacheLayer;
use tokio::sync::Notify;

use crate::support::{Lines, Reply, Site, answer, page, until};

const PAGE: Lines<'static> = &[
    ("cache-control", "max-age=60, stale-while-revalidate=60"),
    ("vary", "accept-language"),
    ("cache-tag", "brand-7"),
];
const GERMAN: Lines<'static> = &[("accept-language", "de")];
const ENGLISH: Lines<'static> = &[("accept-language", "en")];

/// Numbers its pages, and answers other methods with this status and these fields.
fn changing(status: u16, fields: Lines<'static>) -> Site {
    Site::answering(
        |layer| layer,
        move |request, call| async move {
            Ok(if request.method() == "GET" {
                page(PAGE, call.to_string())
            } else {
                answer(status, fields, "")
            })
        },
    )
}

async fn fill(site: &Site, paths: &[&str]) {
    for path in paths {
        for fields in [GERMAN, ENGLISH] {
            site.get(path, fields).await;
            site.settled().await;
        }
    }
}

async fn is_kept(site: &Site, path: &str) -> bool {
    let mut kept = Vec::new();
    for fields in [GERMAN, ENGLISH] {
        kept.push(site.get(path, fields).await.is_hit());
        site.settled().await;
    }
    assert_eq!(kept[0], kept[1], "variants of {path}");
    kept[0]
}

#[tokio::test]
async fn section_4_4_a_change_invalidates_all_variants() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"] {
        let site = changing(204, &[]);
        fill(&site, &["/a", "/b"]).await;
        site.send(method, "/a", &[]).await;
        assert!(!is_kept(&site, "/a").await, "{method}");
        assert!(is_kept(&site, "/b").await, "{method}");
    }
}

#[tokio::test]
async fn section_4_4_what_fails_or_is_safe_changes_nothing() {
    for (method, status) in [
        ("POST", 400),
        ("POST", 500),
        ("OPTIONS", 200),
        ("TRACE", 200),
    ] {
        let site = changing(status, &[]);
        fill(&site, &["/a"]).await;
        site.send(method, "/a", &[]).await;
        assert!(is_kept(&site, "/a").await, "{method} {status}");
    }
}

#[tokio::test]
async fn section_4_4_a_change_invalidates_what_it_names() {
    for (name, reference, goes) in [
        ("location", "/other/b", true),
        ("content-location", "http://site/other/b", true),
        ("location", "../other/b", true),
        ("location", "http://elsewhere/other/b", false),
    ] {
        let site = changing(201, Box::leak(Box::new([(name, reference)])));
        fill(&site, &["/other/b"]).await;
        site.send("POST", "/x/a", &[]).await;
        assert_eq!(
            is_kept(&site, "/other/b").await,
            !goes,
            "{name}: {reference}"
        );
    }
}

/// A page that is on its way while something happens.
async fn overtaken(first: Lines<'static>, change: impl AsyncFnOnce(&Site)) -> Reply {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&begun), Arc::clone(&go_on));
    let site = Site::answering(
        |layer| layer,
        move |request, call| {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            async move {
                if request.method() != "GET" {
                    return Ok(answer(204, &[], ""));
                }
                if call == 2 {
                    begun.notify_one();
                    go_on.notified().await;
                }
                Ok(page(PAGE, call.to_string()))
            }
        },
    );
    // With this language the resource is known to vary, or not.
    site.get("/", first).await;
    site.settled().await;
    if first.is_empty() {
        site.server.client().text("FLUSHALL");
    }
    let (begun, go_on) = signals;
    let (overtaken, ()) = tokio::join!(site.get("/", GERMAN), async {
        begun.notified().await;
        change(&site).await;
        go_on.notify_one();
    });
    assert_eq!(overtaken.body, "2");
    site.settled().await;
    site.get("/", GERMAN).await
}

#[tokio::test]
async fn section_4_4_a_response_on_its_way_during_a_change_is_not_stored() {
    for first in [ENGLISH, &[]] {
        let reply = overtaken(first, async |site| drop(site.send("POST", "/", &[]).await)).await;
        assert!(!reply.is_hit(), "{reply:?}");
    }
}

#[tokio::test]
async fn section_4_4_a_change_is_heard_of_though_its_client_has_gone() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&begun), Arc::clone(&go_on));
    let site = Site::answering(
        |layer| layer,
        move |request, call| {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            async move {
                if request.method() == "GET" {
                    return Ok(page(&[("cache-control", "max-age=60")], call.to_string()));
                }
                begun.notify_one();
                go_on.notified().await;
                Ok(answer(204, &[], ""))
            }
        },
    );
    site.get("/", &[]).await;
    site.settled().await;
    tokio::select! {
        _ = site.send("POST", "/", &[]) => panic!("nobody has answered"),
        () = signals.0.notified() => {}
    }
    signals.1.notify_one();
    until("what was stored is gone", async || {
        site.get("/", &[]).await.body != "1"
    })
    .await;
}

#[tokio::test]
async fn a_response_on_its_way_while_its_tag_is_invalidated_is_not_stored() {
    for first in [ENGLISH, &[]] {
        let reply = overtaken(first, async |site| {
            site.cache.invalidate(["brand-7"]).await.unwrap();
        })
        .await;
        assert!(!reply.is_hit(), "{reply:?}");
    }
}

#[tokio::test]
async fn tags_invalidate_and_mark_what_carries_them() {
    let site = changing(204, &[]);
    fill(&site, &["/a"]).await;
    site.cache.invalidate(["brand-7"]).await.unwrap();
    assert!(!is_kept(&site, "/a").await);
    assert!(is_kept(&site, "/a").await);
    site.cache.mark_stale(["brand-7"]).await.unwrap();
    marked(&site, "/a").await;
}

/// What was marked is served once more, and then replaced.
async fn marked(site: &Site, path: &str) {
    let calls = site.calls();
    for fields in [GERMAN, ENGLISH] {
        let reply = site.get(path, fields).await;
        assert_eq!(reply.cache_status(), "larder; hit; ttl=0");
        site.settled().await;
        let newer = site.get(path, fields).await;
        assert!(
            newer.is_hit() && newer.body != reply.body,
            "{reply:?} {newer:?}"
        );
    }
    assert_eq!(site.calls(), calls + 2);
}

fn purgeable() -> Site {
    let guarded = |layer: CacheLayer| layer.purge(|request| request.headers.contains_key("key"));
    Site::answering(guarded, async |request, call| {
        assert_eq!(request.method(), "GET");
        Ok(page(PAGE, call.to_string()))
    })
}

#[tokio::test]
async fn purging_needs_a_permission() {
    let site = purgeable();
    fill(&site, &["/a"]).await;
    assert_eq!(
        site.send("PURGE", "/a", &[]).await.status,
        StatusCode::FORBIDDEN
    );
    assert!(is_kept(&site, "/a").await);
}

#[tokio::test]
async fn without_a_guard_purging_is_the_origins_affair() {
    let site = changing(405, &[]);
    fill(&site, &["/a"]).await;
    let status = site.send("PURGE", "/a", &[]).await.status;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(is_kept(&site, "/a").await);
}

#[tokio::test]
async fn an_address_or_a_tag_is_purged() {
    for fields in [
        &[("key", "k")][..],
        &[("key", "k"), ("cache-tag", "brand-7")],
    ] {
        let site = purgeable();
        fill(&site, &["/a"]).await;
        let path = if fields.len() == 1 { "/a" } else { "/any" };
        let reply = site.send("PURGE", path, fields).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (StatusCode::OK, "{\"purged\":3}")
        );
        assert!(!is_kept(&site, "/a").await);
    }
}

#[tokio::test]
async fn a_soft_purge_lets_what_is_there_be_served_once_more() {
    for tag in [("other", ""), ("cache-tag", "brand-7")] {
        let site = purgeable();
        fill(&site, &["/a"]).await;
        site.send("PURGE", "/a", &[("key", "k"), ("purge", "soft"), tag])
            .await;
        marked(&site, "/a").await;
    }
}
