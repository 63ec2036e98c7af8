//! What an invalidation has reached.

use serde::Serialize;

/// What [`invalidate`](crate::Cache::invalidate) and [`mark_stale`](crate::Cache::mark_stale) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Invalidated {
    /// Entries that carried each tag, added up over the tags and the primaries. Some of them may
    /// have expired already.
    pub entries: u64,
    /// Primaries that have confirmed.
    pub reached: usize,
    /// Primaries there are: 1 without a cluster.
    pub expected: usize,
}

impl Invalidated {
    /// Whether every primary has confirmed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.reached == self.expected
    }
}
