//! What a key holds at a moment, and what `CACHE.GETORLOCK` makes of it.

use crate::clock::Now;
use crate::entry::{Entry, Freshness, Life};
use crate::index::Verdict;

/// A key's entry as every command sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether its value may be served.
    pub freshness: Freshness,
    /// The times that follow from.
    pub life: Life,
    /// The token of the lease that is out.
    pub lease: Option<u64>,
    /// Whether nobody is to compute it for now.
    pub backoff: bool,
}

/// What is to be done for a caller of `CACHE.GETORLOCK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Serve the fresh value.
    Fresh,
    /// Serve the fresh value and let this caller refresh it early.
    FreshAndLease,
    /// Serve the stale value; somebody else refreshes it, or nobody is to.
    Stale,
    /// Serve the stale value and let this caller refresh it.
    StaleAndLease,
    /// Nothing to serve: this caller computes.
    MissAndLease,
    /// Nothing to serve, somebody computes: wait if you may.
    Wait,
    /// Nothing to serve, and nobody is to compute.
    Busy,
}

impl Outcome {
    /// What becomes of it if others wait for the key: a lease is theirs, longest waiting first.
    #[must_use]
    pub fn behind_others(self) -> Self {
        match self {
            Self::MissAndLease => Self::Wait,
            Self::StaleAndLease => Self::Stale,
            other => other,
        }
    }
}

impl Look {
    /// A key that holds nothing.
    pub const NOTHING: Self = Self {
        freshness: Freshness::Gone,
        life: Life {
            end_ms: None,
            grace_ms: 0,
            mark_ms: None,
        },
        lease: None,
        backoff: false,
    };

    /// What `entry` is at `now`, given what its tags say, its key's Redis expiry and the era of
    /// its index.
    #[must_use]
    pub fn at(
        entry: Entry<'_>,
        verdict: Verdict,
        key_end_ms: Option<i64>,
        era: u32,
        now: Now,
    ) -> Self {
        let list_mark = match verdict {
            Verdict::Dead => return Self::NOTHING,
            Verdict::Marked(ms) => Some(ms),
            Verdict::Alive => None,
        };
        let header = entry.header;
        let rare = header.rare.as_deref();
        let life = Life::of(header, key_end_ms, list_mark);
        Self {
            freshness: if header.is_pending() {
                Freshness::Gone
            } else {
                life.at(now.unix_ms)
            },
            life,
            lease: rare
                .and_then(|rare| rare.live_lease(now.mono_ms, era))
                .map(|lease| lease.token),
            backoff: rare.is_some_and(|rare| rare.in_backoff(now.mono_ms, era)),
        }
    }

    /// Whether there is a value that may be served, fresh or stale.
    #[must_use]
    pub fn is_servable(&self) -> bool {
        self.freshness != Freshness::Gone
    }

    /// Whether there is a fresh value.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        matches!(self.freshness, Freshness::Fresh(_))
    }

    /// Whether nothing is there: no value, nobody who computes one, nobody kept from it.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.is_servable() && self.lease.is_none() && !self.backoff
    }

    /// The table of `CACHE.GETORLOCK`. `only_fresh` is its option `FRESH`; `early` says that the
    /// draw for an early refresh fell on this caller.
    #[must_use]
    pub fn outcome(&self, only_fresh: bool, early: bool) -> Outcome {
        let may_compute = self.lease.is_none() && !self.backoff;
        match self.freshness {
            Freshness::Fresh(_) if early && may_compute => Outcome::FreshAndLease,
            Freshness::Fresh(_) => Outcome::Fresh,
            Freshness::Stale(_) if !only_fresh && may_compute => Outcome::StaleAndLease,
            Freshness::Stale(_) if !only_fresh => Outcome::Stale,
            _ if may_compute => Outcome::MissAndLease,
            _ if self.backoff => Outcome::Busy,
            _ => Outcome::Wait,
        }
    }
}

/// Whether an early refresh is drawn: `compute * beta * -ln(random) >= fresh time left`.
///
/// XFetch, from Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede
/// Prevention", VLDB 2015. `random` is uniform in (0, 1]. Never for an entry without an end or of
/// unknown compute time.
#[must_use]
pub fn draws_early(freshness: Freshness, compute_ms: Option<u32>, beta: f64, random: f64) -> bool {
    let (Freshness::Fresh(Some(left)), Some(compute)) = (freshness, compute_ms) else {
        return false;
    };
    f64::from(compute) * beta * -random.ln() >= left as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(freshness: Freshness, lease: bool, backoff: bool) -> Look {
        Look {
            freshness,
            lease: lease.then_some(7),
            backoff,
            ..Look::NOTHING
        }
    }

    #[test]
    fn the_table_of_getorlock() {
        use Freshness::{Fresh, Gone, Stale};
        // freshness, lease out, backoff, FRESH, early draw => outcome
        let rows = [
            (Fresh(None), false, false, false, false, Outcome::Fresh),
            (
                Fresh(Some(9)),
                false,
                false,
                false,
                true,
                Outcome::FreshAndLease,
            ),
            (Fresh(Some(9)), true, false, false, true, Outcome::Fresh),
            (Fresh(Some(9)), false, true, false, true, Outcome::Fresh),
            (Stale(9), false, false, false, false, Outcome::StaleAndLease),
            (Stale(9), true, false, false, false, Outcome::Stale),
            (Stale(9), false, true, false, false, Outcome::Stale),
            (Gone, false, false, false, false, Outcome::MissAndLease),
            (Gone, true, false, false, false, Outcome::Wait),
            (Gone, false, true, false, false, Outcome::Busy),
            (Stale(9), false, false, true, false, Outcome::MissAndLease),
            (Stale(9), true, false, true, false, Outcome::Wait),
            (Stale(9), false, true, true, false, Outcome::Busy),
            (Fresh(None), true, false, true, false, Outcome::Fresh),
        ];
        for (freshness, lease, backoff, only_fresh, early, expected) in rows {
            let look = look(freshness, lease, backoff);
            assert_eq!(
                look.outcome(only_fresh, early),
                expected,
                "{look:?} FRESH={only_fresh} early={early}"
            );
        }
    }

    #[test]
    fn early_draws_get_likelier_towards_the_end_and_with_dearer_values() {
        let draw = |left, compute, random| {
            draws_early(Freshness::Fresh(Some(left)), Some(compute), 1.0, random)
        };
        assert!(!draw(1_000, 100, 0.5), "69 ms of 1000");
        assert!(draw(60, 100, 0.5));
        assert!(draw(1_000, 2_000, 0.5));
        assert!(
            !draws_early(Freshness::Fresh(None), Some(100), 1e9, 1e-9),
            "without an end never"
        );
        assert!(
            !draws_early(Freshness::Fresh(Some(1)), None, 1e9, 1e-9),
            "unmeasured never"
        );
        assert!(
            !draws_early(Freshness::Fresh(Some(1)), Some(1_000), 0.0, 1e-9),
            "beta 0 never"
        );
    }
}
