//! Which of what was read has changed since.
//!
//! A clock that ticks with every change, and for every tag the time of its last one. Whoever reads
//! notes the time *before* the question is sent: what has changed later than that is not to be
//! trusted, whichever arrives first, the answer or the news of the change.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A moment between two changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// Where a tag's last change is noted. Tags may share a slot: then a change of one costs the entries of
/// the other another read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TagSlot(u16);

pub(super) struct History {
    clock: AtomicU64,
    /// When everything has changed.
    all: AtomicU64,
    tags: Box<[AtomicU64]>,
    keys: Box<[Mutex<Moment>]>,
    hasher: RandomState,
}

const TAG_SLOTS: u16 = 1 << 14;
const KEY_SLOTS: usize = 256;

impl History {
    pub(super) fn new() -> Self {
        Self {
            clock: AtomicU64::new(0),
            all: AtomicU64::new(0),
            tags: (0..TAG_SLOTS).map(|_| AtomicU64::new(0)).collect(),
            keys: (0..KEY_SLOTS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.clock.load(Ordering::SeqCst))
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn slot(&self, tag: &[u8]) -> TagSlot {
        // Truncation keeps the lower bits, as random as the others.
        TagSlot(self.hasher.hash_one(tag) as u16 % TAG_SLOTS)
    }

    pub(super) fn all_changed(&self) {
        self.all.fetch_max(self.tick(), Ordering::SeqCst);
    }

    pub(super) fn tag_changed(&self, tag: &[u8]) {
        let TagSlot(slot) = self.slot(tag);
        self.tags[usize::from(slot)].fetch_max(self.tick(), Ordering::SeqCst);
    }

    /// Calls `drop` when the change is noted. Until it returns, nobody keeps anything under `key`.
    pub(super) fn key_changed(&self, key: &str, drop: impl FnOnce()) {
        let mut changed = self.key(key);
        *changed = Moment(self.tick());
        drop();
    }

    /// Calls `keep` unless `key` has changed since `asked`; no change is noted until it returns.
    pub(super) fn unless_key_changed(&self, key: &str, asked: Moment, keep: impl FnOnce()) {
        // In the condition itself the lock would be released before the block.
        let changed = self.key(key);
        if *changed <= asked {
            keep();
        }
    }

    /// Whether nothing that concerns all keys or one of these tags has changed since `asked`.
    pub(super) fn holds(&self, asked: Moment, tags: &[TagSlot]) -> bool {
        let before = |changed: &AtomicU64| changed.load(Ordering::Acquire) <= asked.0;
        let unchanged = |TagSlot(slot): &TagSlot| before(&self.tags[usize::from(*slot)]);
        before(&self.all) && tags.iter().all(unchanged)
    }

    /// Whether this tag, or one that shares its slot, has changed since `asked`.
    pub(super) fn has_tag_changed(&self, tag: &[u8], asked: Moment) -> bool {
        let TagSlot(slot) = self.slot(tag);
        self.tags[usize::from(slot)].load(Ordering::Acquire) > asked.0
    }

    fn key(&self, key: &str) -> MutexGuard<'_, Moment> {
        let slot = self.hasher.hash_one(key) as usize % KEY_SLOTS;
        self.keys[slot]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_change_is_noted_while_an_answer_is_kept() {
        let history = History::new();
        let is_locked = || history.keys.iter().any(|key| key.try_lock().is_err());
        let mut kept = false;
        history.unless_key_changed("k", history.now(), || kept = is_locked());
        assert!(kept && !is_locked());
    }
}
