//! G2: no fill is stored for a lease that had ended, or whose tags were touched meanwhile.
//!
//! A fill that was acknowledged is a breach if any of these lies entirely between the reply that
//! granted its lease and the sending of the fill: an invalidation or a mark of one of its tags, a
//! removal of its key or a store there, a `RENAME` or `COPY` that took or brought a value, the
//! lease being given up, or the end of its time.

use super::certain::{Certain, View};
use super::leases::Terms;
use super::{Rule, Verdict, require};
use crate::consistency::history::{Grant, History, Span, Store};
use crate::consistency::timeline::Timeline;
use std::collections::HashMap;

/// Checks all fills that a server with this view has accepted.
pub(super) fn check(history: &History, view: View, certain: &Certain) -> Verdict {
    let terms = Terms::of(history);
    let grants = history.grants.iter();
    let grants: HashMap<u64, &Grant> = grants.map(|grant| (grant.token, grant)).collect();
    let released = released(history);
    for store in history.stores.iter().filter(|store| store.deed.is_done()) {
        let Some(token) = store.token else { continue };
        let Some(grant) = grants.get(&token).filter(|it| it.key == store.value.key) else {
            return breach(store, "nobody was given its token");
        };
        if view != View::of(history, store.deed.span) {
            continue;
        }
        if let Some(release) = released
            .get(&token)
            .filter(|it| it.precedes(store.deed.span))
        {
            return breach(store, &format!("its lease was given up in {release}"));
        }
        if terms.latest_end(grant) < store.deed.span.began {
            return breach(store, &format!("its lease had run out: {grant:?}"));
        }
        untouched(grant, store, certain)?;
    }
    Ok(())
}

fn released(history: &History) -> HashMap<u64, Span> {
    let done = history.releases.iter().filter(|it| it.deed.is_done());
    done.map(|release| (release.token, release.deed.span))
        .collect()
}

fn untouched(grant: &Grant, store: &Store, certain: &Certain) -> Verdict {
    let key = store.value.key;
    let touches = store.value.tags.iter();
    let touches =
        touches.flat_map(|tag| [&certain.invalidations[tag], &certain.marks[tag]].into_iter());
    let others: [&Timeline; 4] = [
        &certain.stores[key],
        &certain.removals[key],
        &certain.flushes,
        &certain.displacements[key],
    ];
    for timeline in touches.chain(others) {
        if let Some(between) = timeline.first_after(grant.span.ended)
            && between.precedes(store.deed.span)
        {
            return breach(store, &format!("after {grant:?} came {between}"));
        }
    }
    Ok(())
}

fn breach(store: &Store, why: &str) -> Verdict {
    require(false, Rule::StaleFill, || format!("{store:?}: {why}"))
}

#[cfg(test)]
mod tests {
    use crate::consistency::rules::Rule;
    use crate::consistency::rules::story::Story;

    fn granted() -> Story {
        Story::default().grant(0, 7, 0, 10)
    }

    #[test]
    fn a_fill_is_refused_once_a_tag_of_it_was_touched() {
        granted().fill(1, "k0 t0", 7, 20, 30).holds();
        let other = granted().invalidate(1, 12, 15);
        other.fill(1, "k0 t0", 7, 20, 30).holds();
        let touched = granted().invalidate(0, 12, 15);
        touched
            .clone()
            .fill(1, "k0 t0", 7, 20, 30)
            .breaks(Rule::StaleFill);
        touched.fill(1, "k0 t0", 7, 20, 30).refused().holds();
        let marked = granted().mark(0, 12, 15);
        marked.fill(1, "k0 t0", 7, 20, 30).breaks(Rule::StaleFill);
    }

    #[test]
    fn what_overlaps_grant_or_fill_may_have_come_before_or_after() {
        let early = granted().invalidate(0, 5, 15);
        early.fill(1, "k0 t0", 7, 20, 30).holds();
        let late = granted().invalidate(0, 12, 25);
        late.fill(1, "k0 t0", 7, 20, 30).holds();
    }

    #[test]
    fn a_fill_is_refused_once_its_key_was_changed() {
        let refused = |story: Story| story.fill(1, "k0", 7, 20, 30).breaks(Rule::StaleFill);
        refused(granted().delete(0, 12, 15));
        refused(granted().flush(12, 15));
        refused(granted().store(2, "k0", 12, 15));
        refused(granted().rename(0, 1, 12, 15));
        refused(granted().rename(1, 0, 12, 15));
        granted().delete(1, 12, 15).fill(1, "k0", 7, 20, 30).holds();
        let refused_store = granted().store(2, "k0", 12, 15).refused();
        refused_store.fill(1, "k0", 7, 20, 30).holds();
    }

    #[test]
    fn a_fill_is_refused_once_its_lease_is_over() {
        let given_up = granted().release(0, 7, 12, 15);
        given_up.fill(1, "k0", 7, 20, 30).breaks(Rule::StaleFill);
        let second = granted().fill(1, "k0", 7, 12, 15).fill(2, "k0", 7, 20, 30);
        second.breaks(Rule::StaleFill);
        let hour = 3_600_000_000_000;
        let late = granted().fill(1, "k0", 7, hour, hour + 10);
        late.breaks(Rule::StaleFill);
        Story::default()
            .fill(1, "k0", 7, 20, 30)
            .breaks(Rule::StaleFill);
    }

    #[test]
    fn what_a_failover_may_have_lost_does_not_count() {
        let story = granted().invalidate(0, 12, 15).failover(16, 18);
        story.fill(1, "k0 t0", 7, 20, 30).holds();
    }
}
