//! What may have taken effect, whatever the reply.

use crate::consistency::history::{Deed, History, KEYS, Key, Move, Span, TAGS};
use crate::consistency::timeline::Timeline;
use std::array;

/// Changes that may excuse what was seen.
pub(crate) struct Possible {
    /// Values moved or copied within the circle of a key.
    pub(crate) moves: [Timeline; KEYS],
    /// A tag taken away from a value that may have been at a key.
    pub(crate) untaggings: [[Timeline; TAGS]; KEYS],
    /// A lease on a key ended, by whatever there is that ends one.
    pub(crate) lease_ends: [Timeline; KEYS],
    /// A value died, and with it the lease it had.
    pub(crate) deaths: Timeline,
}

impl Possible {
    pub(crate) fn of(history: &History) -> Self {
        let circle = circles(&history.moves);
        let untaggings = |key: Key, tag| {
            let near = history
                .retags
                .iter()
                .filter(|it| circle[it.key] == circle[key]);
            spans(near.filter(|it| !it.tags.has(tag)).map(|it| &it.deed))
        };
        Self {
            moves: array::from_fn(|key| {
                let near = history
                    .moves
                    .iter()
                    .filter(|it| circle[it.from] == circle[key]);
                spans(near.map(|it| &it.deed))
            }),
            untaggings: array::from_fn(|key| array::from_fn(|tag| untaggings(key, tag))),
            lease_ends: array::from_fn(|key| lease_ends(history, key)),
            deaths: spans(history.touches.iter().map(|touch| &touch.deed)),
        }
    }
}

fn spans<'a>(deeds: impl Iterator<Item = &'a Deed>) -> Timeline {
    Timeline::new(
        deeds
            .filter(|deed| deed.is_possible())
            .map(|deed| deed.span),
    )
}

/// Keys between which values may have moved belong to one circle, named after one of them.
fn circles(moves: &[Move]) -> [Key; KEYS] {
    let mut circle = array::from_fn(|key| key);
    for one in moves {
        let [from, to] = [circle[one.from], circle[one.to]];
        for name in &mut circle {
            if *name == to {
                *name = from;
            }
        }
    }
    circle
}

/// A fill that is refused ends its lease too, so what came of a store makes no difference.
fn lease_ends(history: &History, key: Key) -> Timeline {
    let stores = history.stores.iter().filter(|it| it.value.key == key);
    let removals = history.removals.iter();
    let removals = removals.filter(|it| it.key.is_none_or(|its| its == key));
    let moves = history.moves.iter().filter(|it| it.displaces(key));
    let releases = history.releases.iter().filter(|it| it.key == key);
    let faults = history.faults.iter().filter(|it| it.ends_leases());
    let stores = stores.map(|it| it.deed.span);
    let others = removals.map(|it| &it.deed).chain(moves.map(|it| &it.deed));
    let others = others.chain(releases.map(|it| &it.deed));
    let others = others
        .filter(|deed| deed.is_possible())
        .map(|deed| deed.span);
    let faults = faults.map(|fault| fault.span);
    Timeline::new(stores.chain(others).chain(faults).collect::<Vec<Span>>())
}
