//! What is counted: for the whole server and for each key prefix.
//!
//! [`Counters`] are plain numbers, [`Histogram`] holds compute times in constant memory,
//! [`Prefixes`] gives the busiest key prefixes counters of their own, and [`fields()`] is the one
//! list of names behind `CACHE.STATS`, `CACHE.STATS PREFIX` and `INFO cache`. [`Stats`] ties them
//! together.

mod counters;
mod fields;
mod histogram;
mod prefixes;

pub use counters::Counters;
pub use fields::{Field, Gauges, Value, fields};
pub use histogram::Histogram;
pub use prefixes::{Prefixes, Slot};

/// Everything counted since start or the last reset.
#[derive(Debug)]
pub struct Stats {
    total: Counters,
    prefixes: Prefixes,
}

impl Stats {
    /// Nothing counted yet. For `depth` and `capacity` see [`Prefixes::configure`].
    #[must_use]
    pub fn new(depth: u32, capacity: u16) -> Self {
        Self {
            total: Counters::default(),
            prefixes: Prefixes::new(depth, capacity),
        }
    }

    /// Takes over changed settings, see [`Prefixes::configure`].
    pub fn configure(&mut self, depth: u32, capacity: u16) {
        self.prefixes.configure(depth, capacity);
    }

    /// Where events of `key` count, given the handle it had; see [`Prefixes::resolve`].
    pub fn resolve(&mut self, slot: Slot, key: &[u8]) -> Slot {
        self.prefixes.resolve(slot, key)
    }

    /// Counts an event of a key, for the server and for the key's prefix.
    pub fn record(&mut self, slot: Slot, event: impl Fn(&mut Counters)) {
        event(&mut self.total);
        event(self.prefixes.at(slot));
    }

    /// Counts a hit of a key whose slot is current; does nothing and returns false if it is not.
    #[inline]
    pub fn hit(&mut self, slot: Slot) -> bool {
        let Some(counters) = self.prefixes.access(slot) else {
            return false;
        };
        counters.hits += 1;
        self.total.hits += 1;
        true
    }

    /// Counts an event that belongs to no key, such as an invalidation: for the server only.
    pub fn record_unkeyed(&mut self, event: impl FnOnce(&mut Counters)) {
        event(&mut self.total);
    }

    /// The counters of the whole server.
    #[must_use]
    pub fn total(&self) -> &Counters {
        &self.total
    }

    /// The counters per prefix.
    #[must_use]
    pub fn prefixes(&self) -> &Prefixes {
        &self.prefixes
    }

    /// Zeroes all counters and forgets all prefixes.
    pub fn reset(&mut self) {
        self.total = Counters::default();
        self.prefixes.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_a_key_counts_twice_and_one_without_a_key_once() {
        let mut stats = Stats::new(1, 8);
        let slot = stats.resolve(Slot::NONE, b"user:1");
        stats.record(slot, |c| c.hits += 1);
        stats.record(Slot::NONE, |c| c.misses += 1);
        stats.record_unkeyed(|c| c.invalidations += 1);

        let total = Counters {
            hits: 1,
            misses: 1,
            invalidations: 1,
            ..Counters::default()
        };
        assert_eq!(*stats.total(), total);
        let user = Counters {
            hits: 1,
            ..Counters::default()
        };
        assert_eq!(stats.prefixes().get(b"user"), Some(&user));
        let other = Counters {
            misses: 1,
            ..Counters::default()
        };
        assert_eq!(*stats.prefixes().other(), other);
    }

    #[test]
    fn reset_zeroes_and_forgets() {
        let mut stats = Stats::new(1, 8);
        let slot = stats.resolve(Slot::NONE, b"user:1");
        stats.record(slot, |c| c.compute.record(7));
        stats.record(Slot::NONE, |c| c.hits += 1);
        stats.reset();

        assert_eq!(*stats.total(), Counters::default());
        assert_eq!(*stats.prefixes().other(), Counters::default());
        assert!(stats.prefixes().by_reads().is_empty());
    }
}
