//! The one clock that orders everything: a hybrid logical clock in microseconds.
//!
//! `tick` returns `max(last + 1, wall clock)` (Kulkarni et al., "Logical Physical Clocks", 2014,
//! reduced to one process), so that epochs always grow, also when the wall clock is set back.
//! Epochs only order events; durations are measured with other clocks.

/// Microseconds in a millisecond.
const US_PER_MS: u64 = 1_000;

/// Tokens must survive a trip through an IEEE double (Lua, JavaScript), so epochs stay below 2^53.
const CEILING: u64 = (1 << 53) - 1;

/// The two clocks that durations are measured with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, ms since 1970: for TTL and grace.
    pub unix_ms: i64,
    /// A clock nobody sets, ms since some moment: for leases and backoffs.
    pub mono_ms: u64,
}

/// A moment of the module's clock. Larger is later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The wall clock at that moment, or a later time: the epoch is never behind it. Unix ms.
    #[must_use]
    pub fn wall_ms(self) -> i64 {
        (self.0 / US_PER_MS).cast_signed()
    }
}

/// The clock. Reads no time itself: the wall clock is an argument.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    last: u64,
}

impl Clock {
    /// The next epoch, given the wall clock in microseconds since 1970.
    pub fn tick(&mut self, wall_us: u64) -> Epoch {
        // A wall clock beyond the year 2255 would make tokens inexact; then only order is kept.
        let wall = if wall_us < CEILING { wall_us } else { 0 };
        self.last = wall.max(self.last.saturating_add(1)).min(CEILING);
        Epoch(self.last)
    }

    /// Moves the clock at least `ahead_ms` milliseconds before the wall clock.
    ///
    /// Done on promotion: the tokens of the old primary may have come from a clock that was that
    /// much ahead of ours.
    pub fn jump_ahead(&mut self, wall_us: u64, ahead_ms: u64) {
        self.tick(wall_us.saturating_add(ahead_ms.saturating_mul(US_PER_MS)));
    }

    /// The latest epoch given out.
    #[must_use]
    pub fn last(&self) -> Epoch {
        Epoch(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_when_the_wall_clock_stands_still_or_goes_back() {
        let mut clock = Clock::default();
        assert_eq!(clock.tick(1_000), Epoch(1_000));
        assert_eq!(clock.tick(1_000), Epoch(1_001));
        assert_eq!(clock.tick(5), Epoch(1_002));
        assert_eq!(clock.tick(2_000), Epoch(2_000));
    }

    #[test]
    fn a_jump_outruns_tokens_of_a_clock_that_was_ahead() {
        let mut old_primary = Clock::default();
        let token = old_primary.tick(1_059_999);
        let mut promoted = Clock::default();
        promoted.jump_ahead(1_000_000, 60);
        assert!(promoted.tick(1_000_001) > token);
    }

    #[test]
    fn a_mad_wall_clock_cannot_push_tokens_past_2_to_the_53() {
        let mut clock = Clock::default();
        clock.tick(1_000);
        assert_eq!(clock.tick(u64::MAX), Epoch(1_001));
    }
}
