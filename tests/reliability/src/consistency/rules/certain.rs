//! What has taken effect for certain, as somebody sees it.

use crate::consistency::history::{Breakage, Deed, History, KEYS, Span, TAGS, Time};
use crate::consistency::timeline::Timeline;
use std::array;

/// Where one stands decides which changes have certainly arrived there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// On the primary, up to a failover: whatever it has acknowledged. It keeps that through a
    /// crash as well, since nothing is acknowledged before it is in the AOF.
    Primary,
    /// On the replica that took over: what it has acknowledged itself, and what `WAIT` had found to
    /// be there before.
    Promoted(Span),
    /// On the replica: what `WAIT` has found to be there, from then on.
    Replica,
}

impl View {
    /// All that the history has readers for.
    pub(crate) fn all(history: &History) -> Vec<Self> {
        let promoted = failover(history).map(Self::Promoted);
        let everywhere = [Self::Primary, Self::Replica];
        everywhere.into_iter().chain(promoted).collect()
    }

    /// How somebody sees the world who asks the primary at the end.
    pub(crate) fn last(history: &History) -> Self {
        failover(history).map_or(Self::Primary, Self::Promoted)
    }

    /// How somebody sees the world who asks the primary in that time.
    pub(crate) fn of(history: &History, span: Span) -> Self {
        match failover(history) {
            Some(failover) if span.ended >= failover.began => Self::Promoted(failover),
            _ => Self::Primary,
        }
    }

    /// When a change has taken effect for sure.
    fn sees(self, deed: &Deed) -> Option<Span> {
        let span = deed.span;
        let at = match self {
            Self::Primary => Some(span),
            Self::Promoted(failover) if failover.precedes(span) => Some(span),
            Self::Promoted(_) => deed.replicated.map(|_| span),
            Self::Replica => deed.replicated.map(|ended| Span { ended, ..span }),
        };
        at.filter(|_| deed.is_done())
    }
}

/// There is one at most.
fn failover(history: &History) -> Option<Span> {
    let mut faults = history.faults.iter();
    let found = faults.find(|fault| fault.breakage == Breakage::Failover)?;
    Some(found.span)
}

/// All changes that have taken effect, by what they concern.
pub(crate) struct Certain {
    pub(crate) stores: [Timeline; KEYS],
    pub(crate) removals: [Timeline; KEYS],
    pub(crate) flushes: Timeline,
    /// A value was moved away, or moved or copied here.
    pub(crate) displacements: [Timeline; KEYS],
    pub(crate) invalidations: [Timeline; TAGS],
    pub(crate) marks: [Timeline; TAGS],
}

impl Certain {
    pub(crate) fn of(history: &History, view: View) -> Self {
        let spans = |deeds: &mut dyn Iterator<Item = &Deed>| {
            Timeline::new(deeds.filter_map(|deed| view.sees(deed)).collect::<Vec<_>>())
        };
        let touches = |tag, marks| {
            let touches = history.touches.iter();
            let its = touches.filter(|touch| touch.marks == marks && touch.tags.has(tag));
            spans(&mut its.map(|touch| &touch.deed))
        };
        let removals = |key| {
            let its = history.removals.iter().filter(|it| it.key == key);
            spans(&mut its.map(|removal| &removal.deed))
        };
        Self {
            stores: array::from_fn(|key| {
                let its = history.stores.iter().filter(|it| it.value.key == key);
                spans(&mut its.map(|store| &store.deed))
            }),
            removals: array::from_fn(|key| removals(Some(key))),
            flushes: removals(None),
            displacements: array::from_fn(|key| {
                let its = history.moves.iter().filter(|it| it.displaces(key));
                spans(&mut its.map(|it| &it.deed))
            }),
            invalidations: array::from_fn(|tag| touches(tag, false)),
            marks: array::from_fn(|tag| touches(tag, true)),
        }
    }

    /// The first moment by which the key was certainly emptied or overwritten once more, counted
    /// from a time.
    pub(crate) fn replaced_after(&self, key: usize, time: Time) -> Option<Span> {
        let ways = [&self.stores[key], &self.removals[key], &self.flushes];
        let firsts = ways.into_iter().filter_map(|way| way.first_after(time));
        firsts.min_by_key(|span| span.ended)
    }
}
