//! The numbers as they are handed out.

use serde::Serialize;

use super::event::Event;
use super::histogram::Counted;
use super::recorder::Tally;

/// What a cache has done since it was built or reset.
///
/// Every read of a key is exactly one of `hits`, `stale_hits`, `near_hits`, `misses`, `waits` and
/// `bypasses`, unless its caller was told an error of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Reads that the cache answered with a fresh value.
    pub hits: u64,
    /// Reads that the cache answered with a value within its grace.
    pub stale_hits: u64,
    /// Reads that the near cache answered.
    pub near_hits: u64,
    /// Reads for which there was nothing.
    pub misses: u64,
    /// Reads that somebody else's computation answered.
    pub waits: u64,
    /// Reads that were answered from the source because the cache could not help.
    pub bypasses: u64,
    /// The share of reads that were hits, stale or near ones included: 0 to 1, and 0 without any.
    pub hit_rate: f64,
    /// Computations that have ended, failed or not.
    pub computations: u64,
    /// Computations that have failed.
    pub computations_failed: u64,
    /// Values that were stored.
    pub sets: u64,
    /// Keys that were deleted.
    pub deletes: u64,
    /// Calls that invalidated tags or marked them stale.
    pub invalidations: u64,
    /// Failures of Redis: errors, broken connections, timeouts.
    pub errors: u64,
    /// Computed values that the server did not take: the lease was lost, or the key invalidated.
    pub fills_refused: u64,
    /// Stored values that were not of the type that was asked for.
    pub undecodable: u64,
    /// How long those reads took that the cache answered.
    pub lookup: Latency,
    /// How long the computations took.
    pub compute: Latency,
}

/// How long something took, in microseconds. Percentiles are within 3.2 % of the truth, the others
/// are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// How often it was measured.
    pub count: u64,
    /// The average.
    pub mean_us: f64,
    /// The median.
    pub p50_us: f64,
    /// The 90th percentile.
    pub p90_us: f64,
    /// The 95th percentile.
    pub p95_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
    /// The longest.
    pub max_us: f64,
}

impl Stats {
    pub(crate) fn of(tally: &Tally) -> Self {
        let computations_failed = tally.of(Event::ComputeFailed);
        let mut stats = Self {
            hits: tally.of(Event::Hit),
            stale_hits: tally.of(Event::StaleHit),
            near_hits: tally.of(Event::NearHit),
            misses: tally.of(Event::Miss),
            waits: tally.of(Event::Shared),
            bypasses: tally.of(Event::Bypassed),
            hit_rate: 0.0,
            computations: tally.of(Event::Computed) + computations_failed,
            computations_failed,
            sets: tally.of(Event::Set),
            deletes: tally.of(Event::Delete),
            invalidations: tally.of(Event::Invalidate),
            errors: tally.of(Event::Error),
            fills_refused: tally.of(Event::FillRefused),
            undecodable: tally.of(Event::Undecodable),
            lookup: Latency::of(&tally.lookup),
            compute: Latency::of(&tally.compute),
        };
        if stats.reads() > 0 {
            stats.hit_rate = stats.hits_of_any_kind() as f64 / stats.reads() as f64;
        }
        stats
    }

    fn hits_of_any_kind(&self) -> u64 {
        self.hits + self.stale_hits + self.near_hits
    }

    /// How many reads there were.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.hits_of_any_kind() + self.misses + self.waits + self.bypasses
    }
}

impl Latency {
    fn of(counted: &Counted) -> Self {
        const NS_PER_US: f64 = 1_000.0;
        let percentile = |percent: f64| counted.quantile(percent / 100.0) / NS_PER_US;
        Self {
            count: counted.count(),
            mean_us: counted.mean() / NS_PER_US,
            p50_us: percentile(50.0),
            p90_us: percentile(90.0),
            p95_us: percentile(95.0),
            p99_us: percentile(99.0),
            max_us: counted.max() / NS_PER_US,
        }
    }
}
