//! How long and under which tags values are kept.

use std::time::Duration;

use larder_client::{Cache, cached};
use serde::{Deserialize, Serialize};

use crate::support::{Calls, MINUTE, started};

#[derive(Debug, Serialize, Deserialize)]
struct User {
    team: u64,
}

#[cached(
    cache = cache,
    skip(cache, calls),
    ttl = MINUTE * minutes,
    grace = MINUTE,
    jitter = 0.0,
    early = 0.001,
    negative_ttl = MINUTE,
    stale_if_error = Duration::from_secs(1),
    lease = Duration::from_secs(5),
    patience = Duration::from_secs(5),
    tags = [format!("user:{id}"), "users".to_owned()],
    tags_of = |user| [format!("team:{}", user.team)],
)]
async fn user(cache: &Cache, calls: &Calls, id: u64, minutes: u32) -> Result<Option<User>, String> {
    calls.next();
    Ok((id > 0).then_some(User { team: id + 100 }))
}

#[tokio::test]
async fn values_carry_the_tags_of_arguments_value_and_function() {
    let ((server, cache), calls) = (started(), Calls::default());
    let mut redis = server.client();
    for tag in ["user:1", "users", "team:101", "fn:cached::policies::user"] {
        user(&cache, &calls, 1, 1).await.unwrap();
        redis.check(format!("CACHE.INVALIDATE {tag}"), ":1");
    }
    assert_eq!(calls.count(), 4);
    user(&cache, &calls, 0, 1).await.unwrap();
    redis.check("CACHE.INVALIDATE users", ":1");
}

#[tokio::test]
async fn a_refreshed_value_carries_them_as_well() {
    let ((server, cache), calls) = (started(), Calls::default());
    user::refresh(&cache, &calls, 1, 1).await.unwrap();
    for tag in ["team:101", "user:1"] {
        assert_eq!(cache.invalidate([tag]).await.unwrap().entries, 1);
        user::refresh(&cache, &calls, 1, 1).await.unwrap();
    }
    server.client().check("DBSIZE", ":1");
}

#[tokio::test]
async fn the_policy_can_depend_on_arguments() {
    let ((server, cache), calls) = (started(), Calls::default());
    let mut redis = server.client();
    for minutes in 1..3 {
        user(&cache, &calls, 1, minutes).await.unwrap();
        let key = user::cache_key(1, minutes).unwrap();
        let found = cache.get_stale::<User>(&key).await.unwrap();
        assert!(found.is_some());
        let left = redis.int(format!("PTTL {key}"));
        let whole = i64::from(minutes + 1) * 60_000;
        assert!(
            (whole - 20_000..=whole).contains(&left),
            "{left} of {whole}"
        );
    }
}

#[cached(cache = cache, skip(cache, calls), version = if cfg!(test) { 3 } else { 4 })]
async fn defaults(cache: &Cache, calls: &Calls) -> u32 {
    calls.next()
}

#[tokio::test]
async fn without_a_ttl_the_default_of_the_cache_holds() {
    let server = larder_test_support::Server::start();
    let cache = crate::support::builder(&server)
        .namespace("shop")
        .default_ttl(MINUTE)
        .build()
        .unwrap();
    let calls = Calls::default();
    assert_eq!(defaults(&cache, &calls).await, 1);
    assert_eq!(defaults(&cache, &calls).await, 1);
    let mut redis = server.client();
    redis.check("CACHE.INVALIDATE shop:fn:cached::policies::defaults", ":1");
    assert_eq!(defaults(&cache, &calls).await, 2);
    let left = redis.int("TTL shop:f:cached::policies::defaults:v3:()");
    assert!(left > 30, "{left}");
}
