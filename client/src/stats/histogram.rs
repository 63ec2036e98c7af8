//! Durations counted in buckets of constant relative width, after Gil Tene's `HdrHistogram`.
//!
//! Each power of two is cut into 16 buckets of equal width, and what is below 32 ns has a bucket for
//! each nanosecond. A duration is reported as the middle of its bucket, so it is at most 1/32 (3.1 %)
//! away from what was recorded. Durations of more than 2^45 ns (9.7 hours) count as that long.
//! A histogram takes 5.3 KB, whatever it has counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets of each power of two: 2 to the power of this.
const SUB_BITS: u32 = 4;
const SUB_BUCKETS: u64 = 1 << SUB_BITS;

/// The first power of two that is not told apart any more.
const TOP_BIT: u32 = 45;
const LONGEST: u64 = (1 << TOP_BIT) - 1;

const BUCKETS: usize = bucket_of(LONGEST) + 1;

/// A histogram that many threads record to.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    max: AtomicU64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    pub(crate) fn record(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos())
            .unwrap_or(u64::MAX)
            .min(LONGEST);
        if let Some(bucket) = self.buckets.get(bucket_of(nanoseconds)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(nanoseconds, Relaxed);
        // A maximum is seldom surpassed, and reading it is cheaper than trying to.
        if self.max.load(Relaxed) < nanoseconds {
            self.max.fetch_max(nanoseconds, Relaxed);
        }
    }

    pub(crate) fn counted(&self) -> Counted {
        Counted {
            buckets: self
                .buckets
                .iter()
                .map(|bucket| bucket.load(Relaxed))
                .collect(),
            sum: self.sum.load(Relaxed),
            max: self.max.load(Relaxed),
        }
    }

    pub(crate) fn reset(&self) {
        let cells = self.buckets.iter().chain([&self.sum, &self.max]);
        cells.for_each(|cell| cell.store(0, Relaxed));
    }
}

/// What a histogram had counted at a moment, or several of them together. Nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    buckets: Vec<u64>,
    sum: u64,
    max: u64,
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            sum: 0,
            max: 0,
        }
    }
}

impl Counted {
    pub(crate) fn add(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += more;
        }
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The average, exactly; 0 if nothing was counted.
    pub(crate) fn mean(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.sum as f64 / count as f64,
        }
    }

    /// The longest, exactly.
    pub(crate) fn max(&self) -> f64 {
        self.max as f64
    }

    /// The shortest duration that at least `share` (0 to 1) of all did not exceed, within the
    /// histogram's error; 0 if nothing was counted.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.count() as f64).ceil().max(1.0);
        let mut passed = 0;
        let holds_rank = |count: &u64| {
            passed += count;
            passed as f64 >= rank
        };
        let bucket = self.buckets.iter().position(holds_rank);
        bucket.map_or(0.0, |bucket| middle_of(bucket).min(self.max()))
    }
}

/// The bucket of a number of nanoseconds: which doubling of 32 it is in, and where in it.
const fn bucket_of(nanoseconds: u64) -> usize {
    let bits = u64::BITS - nanoseconds.leading_zeros();
    let shift = bits.saturating_sub(SUB_BITS + 1);
    (shift as u64 * SUB_BUCKETS + (nanoseconds >> shift)) as usize
}

/// The middle of a bucket, in nanoseconds.
fn middle_of(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    let shift = (bucket / SUB_BUCKETS).saturating_sub(1);
    let first = (bucket - shift * SUB_BUCKETS) << shift;
    let last = first + (1 << shift) - 1;
    (first + last) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counted(nanoseconds: impl IntoIterator<Item = u64>) -> Counted {
        let histogram = Histogram::new();
        for each in nanoseconds {
            histogram.record(Duration::from_nanos(each));
        }
        histogram.counted()
    }

    #[test]
    fn takes_the_memory_it_is_said_to_take() {
        assert_eq!(size_of::<Histogram>(), 5_392);
    }

    #[test]
    fn nothing_counted_is_zero() {
        let nothing = Counted::default();
        assert_eq!(
            (
                nothing.count(),
                nothing.mean(),
                nothing.max(),
                nothing.quantile(0.5)
            ),
            (0, 0.0, 0.0, 0.0)
        );
    }

    #[test]
    fn small_numbers_are_exact() {
        for each in 0..32 {
            assert_eq!(counted([each]).quantile(0.5), each as f64);
        }
    }

    #[test]
    fn buckets_follow_one_another_without_a_gap() {
        let mut last = 0;
        for each in
            (0..TOP_BIT).flat_map(|bit| (0..64).map(move |part| (1 << bit) + (part << bit) / 64))
        {
            let bucket = bucket_of(each);
            assert!(
                bucket == last || bucket == last + 1,
                "{each}: {last}, then {bucket}"
            );
            last = bucket;
        }
        assert_eq!(last, BUCKETS - 1);
    }

    #[test]
    fn what_is_longer_than_the_longest_counts_as_that_long() {
        let histogram = Histogram::new();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.counted().max(), LONGEST as f64);
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let hundred = counted((1..=100).map(|each| each * 1_000));
        for (share, exact) in [
            (0.0, 1_000.0),
            (0.5, 50_000.0),
            (0.95, 95_000.0),
            (0.99, 99_000.0),
            (1.0, 100_000.0),
        ] {
            let found = hundred.quantile(share);
            assert!((found - exact).abs() <= exact / 32.0, "{share}: {found}");
        }
        assert_eq!(
            (hundred.count(), hundred.mean(), hundred.max()),
            (100, 50_500.0, 100_000.0)
        );
    }

    #[test]
    fn reset_forgets_everything() {
        let histogram = Histogram::new();
        histogram.record(Duration::from_secs(1));
        histogram.reset();
        assert_eq!(
            (
                histogram.counted().count(),
                histogram.counted().mean(),
                histogram.counted().max()
            ),
            (0, 0.0, 0.0)
        );
    }

    proptest! {
        #[test]
        fn every_duration_is_reported_within_the_error(nanoseconds in 0..=LONGEST, bits in 0..TOP_BIT) {
            let nanoseconds = nanoseconds >> bits;
            let off = (middle_of(bucket_of(nanoseconds)) - nanoseconds as f64).abs();
            prop_assert!(off <= nanoseconds as f64 / 32.0, "{nanoseconds}: off by {off}");
        }

        #[test]
        fn quantiles_are_near_those_of_the_sorted_list(
            mut all in prop::collection::vec(1..1u64 << 40, 1..200),
            share in 0.0..=1.0f64,
        ) {
            let found = counted(all.iter().copied()).quantile(share);
            all.sort_unstable();
            let below = (0..all.len() - 1).filter(|below| ((below + 1) as f64) < share * all.len() as f64);
            let exact = all[below.count()] as f64;
            prop_assert!((found - exact).abs() <= exact / 32.0, "{found} for {exact}");
        }

        #[test]
        fn adding_is_counting_both(
            some in prop::collection::vec(0..LONGEST, 0..50),
            more in prop::collection::vec(0..LONGEST, 0..50),
        ) {
            let mut sum = counted(some.iter().copied());
            sum.add(&counted(more.iter().copied()));
            let both = counted(some.into_iter().chain(more));
            prop_assert_eq!((&sum.buckets, sum.sum, sum.max), (&both.buckets, both.sum, both.max));
        }
    }
}
