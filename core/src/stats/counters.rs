//! The counters.

use super::Histogram;
use std::ops::AddAssign;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Events counted since start or reset, and the compute times of fills.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
            /// Time from the grant of a lease to its fill.
            pub compute: Histogram,
        }

        impl AddAssign<&Counters> for Counters {
            fn add_assign(&mut self, other: &Counters) {
                $(self.$name += other.$name;)*
                self.compute += &other.compute;
            }
        }
    };
}

counters! {
    /// Reads answered with a fresh value.
    hits,
    /// Reads answered with a stale value.
    stale_hits,
    /// Reads that found nothing to serve.
    misses,
    /// Reads that found somebody else computing, or a backoff.
    busy,
    /// Values stored.
    sets,
    /// Leases granted.
    leases_granted,
    /// Leases that ran out before they were filled or given up.
    leases_expired,
    /// Values stored under a lease.
    fills,
    /// Values refused because their lease was no longer good.
    fills_refused,
    /// Callers that blocked.
    waits,
    /// Blocked callers that got the value.
    waits_filled,
    /// Blocked callers whose time passed.
    waits_timed_out,
    /// Leases granted while the value was still fresh.
    early_refreshes,
    /// Tags invalidated (marking stale is not counted).
    invalidations,
    /// Entries that carried a tag when it was invalidated, added up over the tags.
    entries_invalidated,
    /// Dead entries whose memory was given back.
    entries_reclaimed,
}

impl Counters {
    /// All reads: each is exactly one of hit, stale hit, miss and busy.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.hits + self.stale_hits + self.misses + self.busy
    }

    /// The share of reads that got a value, 0 to 1; 0 when nothing was read.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        match self.reads() {
            0 => 0.0,
            reads => (self.hits + self.stale_hits) as f64 / reads as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hit_rate_counts_stale_hits_as_hits_and_busy_as_a_read() {
        let counters = Counters {
            hits: 2,
            stale_hits: 1,
            misses: 4,
            busy: 1,
            ..Counters::default()
        };
        assert_eq!(counters.reads(), 8);
        assert!((counters.hit_rate() - 0.375).abs() < 1e-12);
    }

    #[test]
    fn hit_rate_of_nothing_is_zero() {
        let counters = Counters {
            sets: 3,
            ..Counters::default()
        };
        assert!(counters.hit_rate().abs() < f64::EPSILON);
    }

    #[test]
    fn adding_takes_counters_and_compute_times() {
        let mut sum = Counters {
            hits: 1,
            fills: 2,
            ..Counters::default()
        };
        let mut other = Counters {
            hits: 10,
            entries_reclaimed: 5,
            ..Counters::default()
        };
        other.compute.record(40);
        sum += &other;

        assert_eq!((sum.hits, sum.fills, sum.entries_reclaimed), (11, 2, 5));
        assert_eq!(sum.compute.total_ms(), 40);
    }
}
