//! What is kept of what functions return.

use std::fmt;
use std::io;

use larder_client::{Cache, Raw, cached};

use crate::support::{Calls, MINUTE, settled, started};

/// An error that can neither be serialized nor cloned.
#[derive(Debug, PartialEq)]
struct Failed(u32);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} failed", self.0)
    }
}

/// What many applications have: neither its name nor its one parameter tells what it is.
type Answer<T> = Result<T, Failed>;
type Perhaps<T> = Option<T>;

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE)]
async fn plain(cache: &Cache, calls: &Calls) -> u32 {
    calls.next()
}

#[tokio::test]
async fn a_plain_value_is_kept() {
    let ((_server, cache), calls) = (started(), Calls::default());
    assert_eq!(plain(&cache, &calls).await, 1);
    assert_eq!(plain(&cache, &calls).await, 1);
}

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE)]
async fn fails_at_first(cache: &Cache, calls: &Calls) -> Answer<u32> {
    match calls.next() {
        n @ 1..=2 => Err(Failed(n)),
        n => Ok(n),
    }
}

#[tokio::test]
async fn an_error_is_not_kept_and_comes_back_by_value() {
    let ((_server, cache), calls) = (started(), Calls::default());
    assert_eq!(fails_at_first(&cache, &calls).await, Err(Failed(1)));
    assert_eq!(fails_at_first(&cache, &calls).await, Err(Failed(2)));
    assert_eq!(fails_at_first(&cache, &calls).await, Ok(3));
    assert_eq!(fails_at_first(&cache, &calls).await, Ok(3));
}

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE)]
async fn missing_at_first(cache: &Cache, calls: &Calls) -> Perhaps<u32> {
    Some(calls.next()).filter(|call| *call > 2)
}

#[tokio::test]
async fn none_is_not_kept() {
    let ((_server, cache), calls) = (started(), Calls::default());
    assert_eq!(missing_at_first(&cache, &calls).await, None);
    assert_eq!(missing_at_first(&cache, &calls).await, None);
    assert_eq!(missing_at_first(&cache, &calls).await, Some(3));
    assert!(settled(async || missing_at_first(&cache, &calls).await).await >= Some(3));
}

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE, negative_ttl = MINUTE)]
async fn known_to_be_missing(cache: &Cache, calls: &Calls) -> Option<u32> {
    calls.next();
    None
}

#[tokio::test]
async fn none_is_kept_if_it_has_a_ttl_of_its_own() {
    let ((_server, cache), calls) = (started(), Calls::default());
    assert_eq!(known_to_be_missing(&cache, &calls).await, None);
    assert_eq!(known_to_be_missing(&cache, &calls).await, None);
    assert_eq!(calls.count(), 1);
}

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE)]
async fn three_outcomes(cache: &Cache, calls: &Calls) -> io::Result<Option<String>> {
    match calls.next() {
        1 => Err(io::Error::other("the disk is on fire")),
        2 => Ok(None),
        n => Ok(Some(n.to_string())),
    }
}

#[tokio::test]
async fn of_a_result_of_an_option_only_a_value_is_kept() {
    let ((_server, cache), calls) = (started(), Calls::default());
    let error = three_outcomes(&cache, &calls).await.unwrap_err();
    assert_eq!(error.to_string(), "the disk is on fire");
    assert_eq!(three_outcomes(&cache, &calls).await.unwrap(), None);
    assert_eq!(
        three_outcomes(&cache, &calls).await.unwrap().as_deref(),
        Some("3")
    );
    assert!(
        settled(async || three_outcomes(&cache, &calls).await.unwrap())
            .await
            .is_some()
    );
}

/// A value of this name is no `Result`.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct SearchResult<T, E>(T, E);

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE)]
async fn search(cache: &Cache, calls: &Calls) -> SearchResult<u32, ()> {
    SearchResult(calls.next(), ())
}

#[tokio::test]
async fn a_type_counts_and_not_its_name() {
    let ((_server, cache), calls) = (started(), Calls::default());
    assert_eq!(search(&cache, &calls).await, SearchResult(1, ()));
    assert_eq!(search(&cache, &calls).await, SearchResult(1, ()));
}

#[cached(cache = cache, skip(cache), ttl = MINUTE)]
async fn page(cache: &Cache, number: u8) -> Raw {
    Raw::from(vec![0xff, number])
}

#[tokio::test]
async fn bytes_are_kept_as_they_are() {
    let (_server, cache) = started();
    for _ in 0..2 {
        assert_eq!(page(&cache, 7).await.0, [0xff, 7][..]);
    }
    assert_eq!(cache.stats().hits, 1);
}
