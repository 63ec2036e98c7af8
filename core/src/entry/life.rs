//! Fresh, stale or gone: what the times of an entry say.

use super::{Header, Hold, Rare};
use crate::lease::Lease;

/// The times an entry lives by. All of them are wall clock, unix ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// When TTL and grace are over; `None`: never.
    pub end_ms: Option<i64>,
    /// The part of it that is grace.
    pub grace_ms: u64,
    /// When it was first marked stale.
    pub mark_ms: Option<i64>,
}

/// What the times say at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// May be served; ms left, `None` without end.
    Fresh(Option<u64>),
    /// May be served while somebody refreshes it; ms left.
    Stale(u64),
    /// May not be served.
    Gone,
}

impl Life {
    /// What a key's entry lives by, given the key's own expiry.
    #[must_use]
    pub fn of(header: &Header, key_end_ms: Option<i64>, list_mark_ms: Option<i64>) -> Self {
        let rare = header.rare.as_deref();
        let own_mark = rare.and_then(|rare| rare.mark_ms);
        Self {
            end_ms: value_end(rare.and_then(|rare| rare.hold), key_end_ms),
            grace_ms: header.grace_ms,
            mark_ms: match (own_mark, list_mark_ms) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (mark, None) | (None, mark) => mark,
            },
        }
    }

    /// The last ms in which it is fresh by its TTL; `None`: there is none. As with the expiry of a
    /// key, the time given is itself still part of it.
    #[must_use]
    pub fn fresh_until_ms(&self) -> Option<i64> {
        self.end_ms
            .map(|end| end.saturating_sub_unsigned(self.grace_ms))
    }

    /// The last ms in which it may be served, the mark considered; `None`: there is none. A mark
    /// counts from its own ms on, so without a grace there is nothing left in it.
    #[must_use]
    pub fn servable_until_ms(&self) -> Option<i64> {
        let after_mark = self.mark_ms.map(|mark| {
            mark.saturating_add_unsigned(self.grace_ms)
                .saturating_sub(1)
        });
        self.end_ms.into_iter().chain(after_mark).min()
    }

    /// What the times say at `now_ms`.
    #[must_use]
    pub fn at(&self, now_ms: i64) -> Freshness {
        let left = |until: i64| u64::try_from(until.saturating_sub(now_ms)).ok();
        let servable = self.servable_until_ms().map(left);
        let fresh = self.fresh_until_ms().map(left);
        match (servable, fresh) {
            (Some(None), _) => Freshness::Gone,
            (_, None) if self.mark_ms.is_none() => Freshness::Fresh(None),
            (_, Some(Some(left))) if self.mark_ms.is_none() => Freshness::Fresh(Some(left)),
            (Some(left), _) => Freshness::Stale(left.unwrap_or(0)),
            // Without an end there is always a mark here, which gives one.
            (None, _) => Freshness::Gone,
        }
    }
}

/// When a value ends: with its key, unless the key was kept longer because of a lease.
fn value_end(hold: Option<Hold>, key_end_ms: Option<i64>) -> Option<i64> {
    let held = hold.map(|hold| hold.value_end_ms);
    held.into_iter().chain(key_end_ms).min()
}

impl Rare {
    /// The lease, if it still runs. `era` is the index's: a lease does not follow its database
    /// through SWAPDB.
    #[must_use]
    pub fn live_lease(&self, mono_ms: u64, era: u32) -> Option<&Lease> {
        self.lease
            .as_ref()
            .filter(|lease| lease.deadline_ms > mono_ms && lease.era == era)
    }

    /// Whether nobody is to compute the value for now.
    #[must_use]
    pub fn in_backoff(&self, mono_ms: u64, era: u32) -> bool {
        self.backoff
            .is_some_and(|backoff| backoff.until_ms > mono_ms && backoff.era == era)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(end: Option<i64>, grace: u64, mark: Option<i64>) -> Life {
        Life {
            end_ms: end,
            grace_ms: grace,
            mark_ms: mark,
        }
    }

    #[test]
    fn fresh_then_stale_then_gone() {
        let cases = [
            (life(None, 0, None), 5_000, Freshness::Fresh(None)),
            (life(Some(100), 0, None), 99, Freshness::Fresh(Some(1))),
            (life(Some(100), 0, None), 100, Freshness::Fresh(Some(0))),
            (life(Some(100), 0, None), 101, Freshness::Gone),
            (life(Some(100), 40, None), 60, Freshness::Fresh(Some(0))),
            (life(Some(100), 40, None), 61, Freshness::Stale(39)),
            (life(Some(100), 40, None), 100, Freshness::Stale(0)),
            (life(Some(100), 40, None), 101, Freshness::Gone),
            // A grace longer than the whole life: stale from the start.
            (life(Some(100), 500, None), 0, Freshness::Stale(100)),
        ];
        for (life, now, expected) in cases {
            assert_eq!(life.at(now), expected, "{life:?} at {now}");
        }
    }

    #[test]
    fn a_mark_makes_stale_for_the_grace_but_never_past_the_end() {
        let cases = [
            (life(Some(100), 40, Some(10)), 10, Freshness::Stale(39)),
            (life(Some(100), 40, Some(10)), 49, Freshness::Stale(0)),
            (life(Some(100), 40, Some(10)), 50, Freshness::Gone),
            (life(Some(100), 40, Some(90)), 95, Freshness::Stale(5)),
            (life(Some(100), 40, Some(90)), 101, Freshness::Gone),
            (life(Some(100), 0, Some(10)), 10, Freshness::Gone),
            (life(None, 0, Some(10)), 10, Freshness::Gone),
            (life(None, 40, Some(10)), 49, Freshness::Stale(0)),
            (life(None, 40, Some(10)), 50, Freshness::Gone),
        ];
        for (life, now, expected) in cases {
            assert_eq!(life.at(now), expected, "{life:?} at {now}");
        }
    }

    #[test]
    fn a_held_value_ends_before_its_key() {
        let hold = Some(Hold {
            value_end_ms: 100,
            key_end_ms: 5_000,
        });
        assert_eq!(value_end(hold, Some(5_000)), Some(100));
        assert_eq!(value_end(hold, Some(50)), Some(50));
        assert_eq!(value_end(hold, None), Some(100));
        assert_eq!(value_end(None, Some(9)), Some(9));
        assert_eq!(value_end(None, None), None);
    }
}
