//! What is held in memory, and until when it can be served.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::sync::Cache;

use super::history::{History, Moment, TagSlot};

/// What the server has told about a key.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) value: Bytes,
    /// Fresh time left; `None` without end.
    pub(super) ttl: Option<Duration>,
    pub(super) tags: Vec<Vec<u8>>,
}

/// When a question was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    moment: Moment,
    at: Instant,
}

pub(super) struct Store {
    entries: Cache<String, Arc<Entry>>,
    history: History,
    longest: Duration,
}

struct Entry {
    value: Bytes,
    tags: Box<[TagSlot]>,
    asked: Moment,
    until: Instant,
}

/// What an entry takes beside its key and value, as `benches/near.rs` measures it.
const OVERHEAD: usize = 500;

impl Store {
    /// Holds up to `bytes`, none of it for longer than `longest`.
    pub(super) fn new(bytes: u64, longest: Duration) -> Self {
        let entries = Cache::builder()
            .max_capacity(bytes)
            .weigher(|key: &String, entry: &Arc<Entry>| entry.weight(key))
            .time_to_live(longest)
            .build();
        Self {
            entries,
            history: History::new(),
            longest,
        }
    }

    pub(super) fn get(&self, key: &str, now: Instant) -> Option<Bytes> {
        let entry = self.entries.get(key)?;
        let served = now < entry.until && self.history.holds(entry.asked, &entry.tags);
        served.then(|| entry.value.clone())
    }

    /// To be called before a question is sent.
    pub(super) fn asking(&self) -> Asked {
        Asked {
            moment: self.history.now(),
            at: Instant::now(),
        }
    }

    /// Keeps an answer, unless the key has changed since the question.
    pub(super) fn keep(&self, key: &str, asked: Asked, reading: Reading) {
        // Counted from the question on, it never ends later than on the server.
        let ttl = reading
            .ttl
            .map_or(self.longest, |ttl| ttl.min(self.longest));
        let slot = |tag: &Vec<u8>| self.history.slot(tag);
        let entry = Entry {
            value: reading.value,
            tags: reading.tags.iter().map(slot).collect(),
            asked: asked.moment,
            until: asked.at + ttl,
        };
        self.history.unless_key_changed(key, asked.moment, || {
            self.entries.insert(key.to_owned(), Arc::new(entry));
        });
        // Otherwise hundreds of entries may be waiting to be counted, however large.
        self.entries.run_pending_tasks();
    }

    pub(super) fn forget(&self, key: &str) {
        self.history
            .key_changed(key, || self.entries.invalidate(key));
    }

    /// Entries with this tag are not served any more. Their memory is given back when the server has
    /// removed them and says so, when they end, or when it is needed.
    pub(super) fn forget_tag(&self, tag: &[u8]) {
        self.history.tag_changed(tag);
    }

    /// Whether `tag` was forgotten since.
    pub(super) fn has_forgotten_tag(&self, tag: &[u8], since: Asked) -> bool {
        self.history.has_tag_changed(tag, since.moment)
    }

    pub(super) fn clear(&self) {
        self.history.all_changed();
        self.entries.invalidate_all();
    }
}

impl Entry {
    fn weight(&self, key: &str) -> u32 {
        let bytes = OVERHEAD + key.len() + self.value.len() + size_of_val(&*self.tags);
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
