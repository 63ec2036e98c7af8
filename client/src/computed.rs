//! Values on their way from a computation to its caller.

use std::time::Duration;

/// What a computation hands to [`Cache::fetch`](crate::Cache::fetch): the value, and what only the
/// value can tell about how it is to be kept.
#[derive(Clone, Debug)]
#[must_use]
pub struct Computed<T> {
    pub(crate) value: T,
    pub(crate) tags: Vec<String>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) kept: bool,
}

impl<T> Computed<T> {
    /// To be kept as the policy says.
    pub fn new(value: T) -> Self {
        Self {
            value,
            tags: Vec::new(),
            ttl: None,
            kept: true,
        }
    }

    /// More tags than those of the policy.
    pub fn tags<I>(mut self, tags: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Another TTL than that of the policy.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Not to be kept at all. Callers who waited for it compute for themselves.
    pub fn uncached(mut self) -> Self {
        self.kept = false;
        self
    }
}

/// A value, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

impl<T> Fetched<T> {
    pub(crate) fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }

    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Fetched<U> {
        Fetched {
            value: change(self.value),
            source: self.source,
        }
    }
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The cache, within its TTL.
    Hit,
    /// The cache, within its grace: it is being recomputed, or could not be.
    Stale,
    /// This caller's computation, and it was offered to the cache.
    Computed,
    /// Somebody else's computation, for which this caller waited.
    Shared,
    /// This caller's computation: the cache could not help.
    Bypassed,
}

impl Source {
    /// Whether a value from there is served if no newer one can be computed. What is stale is so only if
    /// that was agreed: then there is a `backoff` as well, for which the source is let alone.
    pub(crate) fn stands_in(self, backoff: Option<Duration>) -> bool {
        self != Self::Stale || backoff.is_some()
    }
}
