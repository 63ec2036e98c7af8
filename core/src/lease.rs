//! Leases: the right, for a limited time, to compute a key's value.
//!
//! A lease lives inside the entry (`entry::Rare`), so that whatever removes or replaces the entry
//! ends the lease. This module adds what has to be known about all of them together: how old the
//! oldest one out is, because a tag that nothing carries must be remembered that long.

use crate::clock::Epoch;
use crate::entry::Realm;
use std::collections::BTreeMap;

/// A lease, inside its entry. Times are monotonic ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The epoch it was granted at, and the fencing token.
    pub token: u64,
    /// When it was granted.
    pub granted_ms: u64,
    /// When it ends.
    pub deadline_ms: u64,
    /// The connection it ends with, if it is bound to one.
    pub client: Option<u64>,
    /// The index's era it was granted in.
    pub era: u32,
}

/// A time in which nobody is to compute a value. Monotonic ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// When it ends.
    pub until_ms: u64,
    /// The index's era it was set in.
    pub era: u32,
}

/// The tokens that are out, with the time each ends by itself and the index of its key.
#[derive(Debug, Default)]
pub struct Leases {
    out: BTreeMap<u64, (u64, Realm)>,
}

impl Leases {
    /// Notes a lease that was granted or renewed.
    pub fn note(&mut self, token: u64, deadline_ms: u64, realm: Realm) {
        self.out.insert(token, (deadline_ms, realm));
    }

    /// Forgets all leases of an index that is no more.
    pub fn forget_all(&mut self, realm: Realm) {
        self.out.retain(|_, (_, its)| *its != realm);
    }

    /// Notes that a lease has ended. Whether it was still thought to be out.
    pub fn forget(&mut self, token: u64) -> bool {
        self.out.remove(&token).is_some()
    }

    /// Whether the lease of this token is out, as far as known.
    #[must_use]
    pub fn is_out(&self, token: u64) -> bool {
        self.out.contains_key(&token)
    }

    /// Forgets the oldest leases if they ran out unnoticed: nobody touched their key since. Returns
    /// how many those were.
    pub fn expire(&mut self, mono_ms: u64) -> u64 {
        let mut expired = 0;
        while let Some(first) = self.out.first_entry()
            && first.get().0 <= mono_ms
        {
            first.remove();
            expired += 1;
        }
        expired
    }

    /// The epoch of the oldest lease that is out.
    #[must_use]
    pub fn oldest(&self) -> Option<Epoch> {
        self.out.keys().next().copied().map(Epoch)
    }

    /// How many are out at most.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether none is out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lease_is_the_oldest_that_still_runs() {
        let mut leases = Leases::default();
        leases.note(10, 100, Realm(1));
        leases.note(20, 500, Realm(1));
        leases.note(30, 50, Realm(1));
        assert_eq!((leases.expire(0), leases.oldest()), (0, Some(Epoch(10))));
        leases.note(10, 900, Realm(1));
        assert_eq!(
            (leases.expire(200), leases.oldest()),
            (0, Some(Epoch(10))),
            "renewed"
        );
        assert!(leases.forget(10) && !leases.forget(10));
        assert_eq!((leases.expire(200), leases.oldest()), (0, Some(Epoch(20))));
        assert_eq!((leases.expire(500), leases.oldest()), (2, None));
        assert!(leases.is_empty());
    }

    #[test]
    fn leases_end_with_their_index() {
        let mut leases = Leases::default();
        leases.note(10, 100, Realm(1));
        leases.note(20, 100, Realm(2));
        leases.forget_all(Realm(1));
        assert_eq!((leases.oldest(), leases.len()), (Some(Epoch(20)), 1));
    }
}
