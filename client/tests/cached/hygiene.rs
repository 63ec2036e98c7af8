//! Signatures and bodies of all kinds.

use std::fmt::Display;
use std::num::ParseIntError;
use std::sync::Arc;
use std::time::Duration;

use larder_client::{Cache, cached};

use crate::support::{Calls, MINUTE, started};

/// All names that the expansion itself might use.
#[cached(cache = cache, skip(cache), ttl = Duration::from_secs(policy), tags = [key, tags])]
#[expect(clippy::too_many_arguments, reason = "the names are what is tested")]
async fn names(
    cache: &Cache,
    key: &str,
    result: u8,
    policy: u64,
    value: Option<&u8>,
    kind: String,
    tags: &str,
    compute: bool,
    args: &[u8],
) -> String {
    format!("{key} {result} {policy} {value:?} {kind} {tags} {compute} {args:?}")
}

#[tokio::test]
async fn arguments_can_be_called_anything() {
    let (server, cache) = started();
    let call = async || {
        names(
            &cache,
            "k",
            1,
            60,
            Some(&2),
            "x".to_owned(),
            "t",
            true,
            &[3],
        )
        .await
    };
    for _ in 0..2 {
        assert_eq!(call().await, "k 1 60 Some(2) x t true [3]");
    }
    assert_eq!(cache.stats().hits, 1);
    server.client().check("CACHE.INVALIDATE t", ":1");
}

trait Database: Sync {
    fn calls(&self) -> &Calls;
}

impl Database for Calls {
    fn calls(&self) -> &Calls {
        self
    }
}

#[cached(cache = cache, skip(cache, db), ttl = MINUTE)]
async fn generic<'a, D>(cache: &'a Cache, db: &'a D, id: u64) -> u64
where
    D: Database + ?Sized + 'a,
{
    id + u64::from(db.calls().next())
}

#[tokio::test]
async fn generics_lifetimes_and_bounds_are_kept() {
    let ((_server, cache), calls) = (started(), Calls::default());
    let dynamic: &dyn Database = &calls;
    assert_eq!(generic(&cache, &calls, 10).await, 11);
    assert_eq!(generic::<dyn Database>(&cache, dynamic, 10).await, 11);
    assert_eq!(generic::refresh(&cache, &calls, 10).await, 12);
    assert!(
        generic::cache_delete(&cache, 10).await.unwrap(),
        "which needs no type for D"
    );
}

trait Unit {
    const NAME: &'static str;
}

struct Euro;
struct Dollar;

impl Unit for Euro {
    const NAME: &'static str = "EUR";
}

impl Unit for Dollar {
    const NAME: &'static str = "USD";
}

#[cached(cache = cache, key = (U::NAME, N, amount.to_string()), ttl = MINUTE)]
async fn price<U: Unit, const N: u8>(cache: &Cache, amount: impl Display + Copy) -> String {
    format!("{amount} x {N} {}", U::NAME)
}

#[tokio::test]
async fn instances_are_told_apart_by_a_key_of_ones_own() {
    let (_server, cache) = started();
    assert_eq!(price::<Euro, 1>(&cache, 5).await, "5 x 1 EUR");
    assert_eq!(price::<Dollar, 1>(&cache, 5).await, "5 x 1 USD");
    assert_eq!(price::<Dollar, 2>(&cache, "5").await, "5 x 2 USD");
    assert_eq!(price::<Dollar, 2>(&cache, 5).await, "5 x 2 USD");
    assert_eq!(cache.stats().hits, 1);
    assert!(price::cache_delete::<Euro, 1>(&cache, 5).await.unwrap());
    assert_eq!(price::cache_clear(&cache).await.unwrap().entries, 2);
}

#[cached(cache = cache, skip(cache, log), ttl = MINUTE)]
async fn early_ends(
    cache: &Cache,
    mut text: String,
    log: &mut Vec<u64>,
) -> Result<u64, ParseIntError> {
    if text.is_empty() {
        return Ok(0);
    }
    text.push('0');
    let number = text.parse()?;
    log.push(number);
    Ok(number)
}

#[tokio::test]
async fn bodies_can_end_early_and_change_their_arguments() {
    let (_server, cache) = started();
    let mut log = Vec::new();
    assert_eq!(early_ends(&cache, String::new(), &mut log).await, Ok(0));
    assert!(early_ends(&cache, "x".to_owned(), &mut log).await.is_err());
    assert_eq!(early_ends(&cache, "4".to_owned(), &mut log).await, Ok(40));
    assert_eq!(early_ends(&cache, "4".to_owned(), &mut log).await, Ok(40));
    assert_eq!(log, [40]);
}

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE)]
async fn fibonacci(cache: &Cache, calls: &Calls, n: u64) -> u64 {
    calls.next();
    if n < 2 {
        return n;
    }
    Box::pin(fibonacci(cache, calls, n - 1)).await + Box::pin(fibonacci(cache, calls, n - 2)).await
}

#[cached(cache = cache, ttl = MINUTE, skip(cache))]
async fn with_attributes_inside(cache: &Cache, id: u64) -> u64 {
    #![allow(clippy::identity_op, reason = "it is what is tested")]
    id + 0
}

#[tokio::test]
async fn attributes_may_stand_in_the_body() {
    let (_server, cache) = started();
    assert_eq!(with_attributes_inside(&cache, 7).await, 7);
}

#[tokio::test]
async fn recursion_goes_through_the_cache() {
    let ((_server, cache), calls) = (started(), Calls::default());
    assert_eq!(fibonacci(&cache, &calls, 20).await, 6765);
    assert_eq!(calls.count(), 21);
}

#[cached(cache = &cache, skip(cache, calls), ttl = MINUTE)]
async fn owned(cache: Arc<Cache>, calls: Arc<Calls>, text: String) -> String {
    tokio::task::yield_now().await;
    format!("{text} {}", calls.next())
}

#[tokio::test(flavor = "multi_thread")]
async fn futures_can_be_spawned() {
    let (_server, cache) = started();
    let (cache, calls) = (Arc::new(cache), Arc::new(Calls::default()));
    for _ in 0..2 {
        let call = owned(Arc::clone(&cache), Arc::clone(&calls), "x".to_owned());
        assert_eq!(tokio::spawn(call).await.unwrap(), "x 1");
    }
    let call = owned::refresh(Arc::clone(&cache), Arc::clone(&calls), "x".to_owned());
    assert_eq!(tokio::spawn(call).await.unwrap(), "x 2");
    assert!(
        tokio::spawn(owned::cache_delete(cache, "x".to_owned()))
            .await
            .unwrap()
            .unwrap()
    );
}

#[tokio::test]
async fn functions_can_stand_in_functions() {
    #[cached(ttl = MINUTE)]
    async fn r#type(r#struct: u64) -> u64 {
        r#struct
    }
    assert_eq!(r#type(1).await, 1);
    assert_eq!(r#type::refresh(1).await, 1);
    assert_eq!(
        r#type::cache_key(1).unwrap(),
        "f:cached::hygiene::type:v1:[1]"
    );
}

mod kept {
    #![deny(
        missing_docs,
        unused_must_use,
        dead_code,
        unreachable_pub,
        unused_qualifications,
        clippy::pedantic
    )]

    use larder_client as renamed;

    /// Attributes stay where they were.
    #[renamed::cached(ttl = super::MINUTE, crate = renamed)]
    #[must_use]
    #[deprecated = "there is a better one"]
    #[cfg(true)]
    pub(crate) async fn attributes(_unused: u64) -> u64 {
        #[allow(deprecated, reason = "it calls itself")]
        Box::pin(attributes(1)).await
    }

    #[renamed::cached]
    #[cfg(false)]
    pub(crate) async fn absent() -> u64 {
        nonsense
    }
}

#[test]
fn attributes_are_kept() {
    #[expect(deprecated, reason = "that is what is tested")]
    let future = kept::attributes(1);
    drop(future);
}
