//! Each request is counted once, whatever becomes of it.

use crate::support::{Lines, Site};

const CONFIRMABLE: Lines<'static> = &[("cache-control", "max-age=60"), ("etag", "\"a\"")];

/// What is counted of a request with these fields: hits, misses, bypasses.
async fn counted(site: &Site, method: &str, path: &str, fields: Lines<'_>) -> (u64, u64, u64) {
    site.settled().await;
    let before = site.cache.stats();
    site.send(method, path, fields).await;
    let after = site.cache.stats();
    assert_eq!(after.stale_hits + after.waits, 0);
    (
        after.hits - before.hits,
        after.misses - before.misses,
        after.bypasses - before.bypasses,
    )
}

const HIT: (u64, u64, u64) = (1, 0, 0);
const MISS: (u64, u64, u64) = (0, 1, 0);
const NOTHING: (u64, u64, u64) = (0, 0, 0);

#[tokio::test]
async fn a_request_that_the_origin_answers_is_a_miss() {
    let site = Site::with(CONFIRMABLE);
    for (what, method, path, fields, counts) in [
        ("cold", "GET", "/", &[][..], MISS),
        ("warm", "GET", "/", &[], HIT),
        (
            "the client has it",
            "GET",
            "/",
            &[("if-none-match", "\"a\"")],
            HIT,
        ),
        ("anew", "GET", "/", &[("cache-control", "no-cache")], MISS),
        ("without a body", "HEAD", "/", &[], HIT),
        ("cold, without a body", "HEAD", "/head", &[], MISS),
        (
            "cold, in part",
            "GET",
            "/part",
            &[("range", "bytes=0-0")],
            MISS,
        ),
        (
            "warm, in part",
            "GET",
            "/part",
            &[("range", "bytes=0-0")],
            HIT,
        ),
        (
            "cold, with credentials",
            "GET",
            "/me",
            &[("authorization", "me")],
            MISS,
        ),
        (
            "only from the cache",
            "GET",
            "/none",
            &[("cache-control", "only-if-cached")],
            MISS,
        ),
        ("a change", "POST", "/", &[], NOTHING),
    ] {
        assert_eq!(counted(&site, method, path, fields).await, counts, "{what}");
    }
}

#[tokio::test]
async fn what_is_confirmed_by_the_origin_each_time_is_a_miss_each_time() {
    let site = Site::with(&[("cache-control", "no-cache"), ("etag", "\"a\"")]);
    for _ in 0..3 {
        assert_eq!(counted(&site, "GET", "/", &[]).await, MISS);
    }
    assert_eq!(site.calls(), 3);
}
