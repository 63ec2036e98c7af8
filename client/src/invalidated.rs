//! What an invalidation has reached.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::protocol::reply;

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
    /// What there is to say when nothing was asked for.
    pub(crate) const NOTHING: Self = Self {
        entries: 0,
        reached: 0,
        expected: 0,
    };

    /// What the only server has replied.
    pub(crate) fn by_one(reply: &redis::Value) -> Result<Self> {
        Ok(Self {
            entries: reply::count(reply, "CACHE.INVALIDATE")?,
            reached: 1,
            expected: 1,
        })
    }

    /// # Errors
    ///
    /// [`Error::Partial`] if a primary has not confirmed.
    pub(crate) fn completed(self) -> Result<Self> {
        if self.is_complete() {
            Ok(self)
        } else {
            Err(Error::Partial(self))
        }
    }

    /// Whether every primary has confirmed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.reached == self.expected
    }
}
