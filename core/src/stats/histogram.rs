//! Compute times in constant memory.

use std::fmt;
use std::ops::AddAssign;

/// Buckets per power of two: 2^3, so a bucket is at most an eighth as wide as its values are large.
const SUB_BITS: u32 = 3;
const SUB_BUCKETS: u32 = 1 << SUB_BITS;

const BUCKETS: usize = bucket(u32::MAX) + 1;

/// A distribution of times in ms, in log-linear buckets as in HdrHistogram (Gil Tene).
///
/// Every power of two is cut into eight buckets of equal width, and a percentile is reported as
/// the middle of its bucket: exact below 16 ms, less than 1/16 (6.25 %) off above. Total and
/// maximum are exact. 976 bytes, whatever is recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u32; BUCKETS],
    max_ms: u32,
    total_ms: u64,
}

impl Histogram {
    /// Counts one time.
    pub fn record(&mut self, ms: u32) {
        let at = bucket(ms);
        if self.buckets[at] == u32::MAX {
            self.halve();
        }
        self.buckets[at] += 1;
        self.max_ms = self.max_ms.max(ms);
        self.total_ms += u64::from(ms);
    }

    /// The sum of all times, in ms.
    #[must_use]
    pub fn total_ms(&self) -> u64 {
        self.total_ms
    }

    /// The longest time, in ms; 0 when there is none.
    #[must_use]
    pub fn max_ms(&self) -> u32 {
        self.max_ms
    }

    /// The time within which `percent` of all fell (nearest rank), in ms; 0 when there is none.
    #[must_use]
    pub fn percentile_ms(&self, percent: u64) -> u32 {
        let count: u64 = self.buckets.iter().copied().map(u64::from).sum();
        let rank = (count * percent).div_ceil(100);
        let mut seen = 0;
        let reached = self.buckets.iter().position(|&n| {
            seen += u64::from(n);
            n > 0 && seen >= rank
        });
        reached.map_or(0, |at| midpoint(at).min(self.max_ms))
    }

    /// Makes room in a full bucket. Percentiles only depend on the proportions, which stay.
    fn halve(&mut self) {
        for n in &mut self.buckets {
            *n /= 2;
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [0; BUCKETS],
            max_ms: 0,
            total_ms: 0,
        }
    }
}

impl AddAssign<&Histogram> for Histogram {
    fn add_assign(&mut self, other: &Histogram) {
        let pairs = || self.buckets.iter().zip(&other.buckets);
        let shift = u32::from(pairs().any(|(a, b)| a.checked_add(*b).is_none()));
        for (a, b) in self.buckets.iter_mut().zip(&other.buckets) {
            *a = (*a >> shift) + (b >> shift);
        }
        self.max_ms = self.max_ms.max(other.max_ms);
        self.total_ms += other.total_ms;
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("total_ms", &self.total_ms)
            .field("p50_ms", &self.percentile_ms(50))
            .field("p99_ms", &self.percentile_ms(99))
            .field("max_ms", &self.max_ms)
            .finish()
    }
}

/// The bucket of a time: its power of two, then the three bits below the leading one. The first
/// two powers need no rounding, so there the time is the number of its bucket.
const fn bucket(ms: u32) -> usize {
    let shift = (ms | SUB_BUCKETS).ilog2() - SUB_BITS;
    (shift * SUB_BUCKETS + (ms >> shift)) as usize
}

/// The time in the middle of a bucket, in ms.
const fn midpoint(bucket: usize) -> u32 {
    let bucket = bucket as u32;
    let shift = (bucket / SUB_BUCKETS).saturating_sub(1);
    let lowest = (bucket - shift * SUB_BUCKETS) << shift;
    lowest + ((1 << shift) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(times: impl IntoIterator<Item = u32>) -> Histogram {
        let mut histogram = Histogram::default();
        times.into_iter().for_each(|ms| histogram.record(ms));
        histogram
    }

    #[test]
    fn empty_is_all_zero() {
        let empty = Histogram::default();
        assert_eq!((empty.percentile_ms(50), empty.percentile_ms(99)), (0, 0));
        assert_eq!((empty.max_ms(), empty.total_ms()), (0, 0));
    }

    #[test]
    fn exact_below_16_ms() {
        for ms in 0..16 {
            assert_eq!(midpoint(bucket(ms)), ms);
        }
        assert_ne!(bucket(15), bucket(16));
        assert_eq!(bucket(16), bucket(17));
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for shift in 0..=32 - SUB_BITS - 1 {
            for edge in SUB_BUCKETS..2 * SUB_BUCKETS {
                let lowest = edge << shift;
                assert_eq!(bucket(lowest), bucket(lowest - 1) + 1, "at {lowest}");
            }
        }
        assert_eq!(bucket(u32::MAX), BUCKETS - 1);
    }

    #[test]
    fn nearest_rank() {
        let histogram = of(1..=10);
        assert_eq!(histogram.percentile_ms(50), 5);
        assert_eq!(histogram.percentile_ms(51), 6);
        assert_eq!(histogram.percentile_ms(99), 10);
        assert_eq!(of([3]).percentile_ms(50), 3);
    }

    #[test]
    fn a_percentile_is_never_above_the_maximum() {
        assert_eq!(of([1024]).percentile_ms(99), 1024);
        assert_eq!(of([u32::MAX]).max_ms(), u32::MAX);
    }

    #[test]
    fn a_full_bucket_keeps_the_proportions() {
        let mut histogram = of([5, 900]);
        histogram.buckets[bucket(5)] = u32::MAX;
        histogram.buckets[bucket(900)] = u32::MAX / 10;
        histogram.record(5);
        assert_eq!(histogram.buckets[bucket(5)], u32::MAX / 2 + 1);
        assert_eq!(histogram.buckets[bucket(900)], u32::MAX / 20);

        let mut sum = histogram.clone();
        sum.buckets[bucket(5)] = u32::MAX;
        sum += &histogram;
        assert_eq!(sum.percentile_ms(50), 5);
        assert!(sum.percentile_ms(99).abs_diff(900) * 16 < 900);
    }

    #[test]
    fn memory_is_as_documented() {
        assert_eq!(size_of::<Histogram>(), 976);
    }

    proptest! {
        #[test]
        fn off_by_less_than_a_sixteenth(ms: u32) {
            let error = u64::from(midpoint(bucket(ms)).abs_diff(ms));
            prop_assert!(error * 16 <= u64::from(ms), "{ms} is off by {error}");
            prop_assert!(error == 0 || error * 16 < u64::from(ms));
        }

        #[test]
        fn sums_are_as_if_recorded_together(a: Vec<u32>, b: Vec<u32>) {
            let mut sum = of(a.iter().copied());
            sum += &of(b.iter().copied());
            prop_assert_eq!(sum, of(a.into_iter().chain(b)));
        }
    }
}
