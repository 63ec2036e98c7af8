//! G1: what was invalidated, marked stale, deleted or overwritten is not read any more.
//!
//! A value is known by its number, so for each one it can be said by when it was certainly gone: by
//! the end of the first invalidation that began after a command had given it the tag (its store, or
//! a `SETTAGS` on the key it lay at), unless another `SETTAGS` may have taken the tag away in
//! between; by the end of the first `FLUSHALL` that began after its store; or by the end of the
//! first `DEL` or store on its key that did. A read that began later and returned it is a breach.
//! In the same way a mark says from when on it was not fresh.
//!
//! **Values that travel.** `RENAME` and `COPY` join keys to circles, in which a value may lie under
//! several names. Its tags travel with it, so an invalidation of a tag it was stored with counts
//! wherever it is read, and a `SETTAGS` on any key of the circle may excuse it. What happened to
//! the one key it was stored at (`DEL`, a store, `SETTAGS`) counts only for reads under that name,
//! and only if nothing in the circle may have moved between the store and the read.
//!
//! **Why there is no false alarm.** A server does one thing after another. If one command had ended
//! before another began, that was also the order of their effects, and replicas and the AOF get
//! them in that order. What may have come between is looked for by overlap.

use super::certain::{Certain, View};
use super::possible::Possible;
use super::{Rule, Verdict, require};
use crate::consistency::history::{Deed, History, Key, Outcome, Read, Retag, Span, Store, Time};
use crate::consistency::timeline::Timeline;
use std::collections::HashMap;

/// By when a value has come to an end, and by breach of which rule it is read later.
type End = Option<(Time, Rule)>;

/// By when a value has come to an end for certain.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    gone: End,
    /// Provided that it has not moved.
    gone_if_unmoved: End,
    stale: End,
    stale_if_unmoved: End,
}

/// Checks all reads that see the world in this way.
pub(super) fn check(
    history: &History,
    view: View,
    certain: &Certain,
    possible: &Possible,
) -> Verdict {
    let retags = by_key(&history.retags);
    let judge = Judge {
        certain,
        possible,
        retags: &retags,
    };
    let stores = history.stores.iter();
    let known: HashMap<usize, (&Store, Fate)> = stores
        .map(|store| (store.value.number, (store, judge.fate(store))))
        .collect();
    for read in history.reads.iter().filter(|it| sees(history, view, it)) {
        let found = known.get(&read.value.number);
        let known = found.filter(|(store, _)| store.value == read.value);
        let Some((store, fate)) = known else {
            return require(false, Rule::Invented, || format!("nobody stored {read:?}"));
        };
        judge.read(read, store, *fate)?;
    }
    Ok(())
}

fn sees(history: &History, view: View, read: &Read) -> bool {
    match read.on_replica {
        true => view == View::Replica,
        false => view == View::of(history, read.span),
    }
}

/// Those that were done, by key and in order of time.
fn by_key(retags: &[Retag]) -> HashMap<Key, Vec<Retag>> {
    let mut sorted: HashMap<Key, Vec<Retag>> = HashMap::new();
    for retag in retags.iter().filter(|it| it.deed.is_done()) {
        sorted.entry(retag.key).or_default().push(*retag);
    }
    for its in sorted.values_mut() {
        its.sort_unstable_by_key(|it| it.deed.span.began);
    }
    sorted
}

struct Judge<'a> {
    certain: &'a Certain,
    possible: &'a Possible,
    retags: &'a HashMap<Key, Vec<Retag>>,
}

impl Judge<'_> {
    fn fate(&self, store: &Store) -> Fate {
        let (value, stored) = (store.value, store.deed.span);
        let flushed = self.certain.flushes.first_after(stored.ended);
        let replaced = self.certain.replaced_after(value.key, stored.ended);
        let (by_tags, marked) = self.ends_of_tags(value.key, stored, value.tags.iter());
        let mut fate = Fate {
            gone: first(flushed.map(|span| (span.ended, Rule::Removed)), by_tags),
            gone_if_unmoved: replaced.map(|span| (span.ended, Rule::Removed)),
            stale: marked,
            stale_if_unmoved: None,
        };
        let until = replaced.map_or(Time::MAX, |span| span.ended);
        for retag in self.retags_between(value.key, stored.ended, until) {
            let span = retag.deed.span;
            let (by_tags, marked) = self.ends_of_tags(value.key, span, retag.tags.iter());
            fate.gone_if_unmoved = first(fate.gone_if_unmoved, by_tags);
            fate.stale_if_unmoved = first(fate.stale_if_unmoved, marked);
        }
        fate
    }

    fn retags_between(&self, key: Key, from: Time, to: Time) -> impl Iterator<Item = &Retag> {
        let its = self.retags.get(&key).map_or(&[][..], Vec::as_slice);
        let start = its.partition_point(|it| it.deed.span.began <= from);
        let later = its[start..].iter();
        later.take_while(move |it| it.deed.span.ended < to)
    }

    /// By when what got these tags was dead, and by when marked.
    fn ends_of_tags(&self, key: Key, got: Span, tags: impl Iterator<Item = usize>) -> (End, End) {
        let (mut dead, mut marked) = (None, None);
        for tag in tags {
            let lost = &self.possible.untaggings[key][tag];
            let hit = |touches: &Timeline, rule| {
                let touch = touches.first_after(got.ended)?;
                let between = Span {
                    began: got.began,
                    ended: touch.ended,
                };
                (!lost.may_touch(between)).then_some((touch.ended, rule))
            };
            dead = first(
                dead,
                hit(&self.certain.invalidations[tag], Rule::Invalidated),
            );
            marked = first(marked, hit(&self.certain.marks[tag], Rule::Marked));
        }
        (dead, marked)
    }

    fn read(&self, read: &Read, store: &Store, fate: Fate) -> Verdict {
        let Deed { span, outcome, .. } = store.deed;
        require(outcome != Outcome::Refused, Rule::Invented, || {
            format!("{read:?} returned what was refused: {store:?}")
        })?;
        let life = Span {
            began: span.began,
            ended: read.span.ended,
        };
        let unmoved = !self.possible.moves[store.value.key].may_touch(life);
        require(
            !unmoved || read.key == store.value.key,
            Rule::Invented,
            || format!("{read:?} returned what was never at that key: {store:?}"),
        )?;
        let mut ends = [fate.gone, None, None, None];
        if unmoved {
            ends[1] = fate.gone_if_unmoved;
        }
        if read.fresh {
            ends[2] = fate.stale;
            ends[3] = fate.stale_if_unmoved.filter(|_| unmoved);
        }
        for (by, rule) in ends.into_iter().flatten() {
            require(read.span.began <= by, rule, || {
                format!("{read:?} returned what was over by {by}: {store:?}")
            })?;
        }
        Ok(())
    }
}

fn first(a: End, b: End) -> End {
    a.into_iter().chain(b).min_by_key(|(by, _)| *by)
}

#[cfg(test)]
mod tests {
    use crate::consistency::rules::Rule;
    use crate::consistency::rules::story::Story;

    #[test]
    fn a_value_is_not_read_after_an_invalidation_that_began_after_its_store() {
        let story = Story::default()
            .store(1, "k0 t0", 0, 10)
            .invalidate(0, 20, 30);
        story.clone().read(1, 0, 25, 40).holds();
        story.read(1, 0, 31, 40).breaks(Rule::Invalidated);
        let concurrent = Story::default()
            .store(1, "k0 t0", 0, 25)
            .invalidate(0, 20, 30);
        concurrent.read(1, 0, 31, 40).holds();
    }

    #[test]
    fn an_invalidation_of_another_tag_or_without_a_reply_proves_nothing() {
        let story = Story::default().store(1, "k0 t0", 0, 10);
        story
            .clone()
            .invalidate(1, 20, 30)
            .read(1, 0, 31, 40)
            .holds();
        story
            .invalidate(0, 20, 30)
            .lost()
            .read(1, 0, 31, 40)
            .holds();
    }

    #[test]
    fn new_tags_count_from_then_on_and_old_ones_until_then() {
        let story = Story::default().store(1, "k0 t0", 0, 10);
        let swapped = story.clone().retag(0, "t1", 20, 30);
        swapped
            .clone()
            .invalidate(0, 40, 50)
            .read(1, 0, 60, 70)
            .holds();
        let dead = swapped.clone().invalidate(1, 40, 50);
        dead.read(1, 0, 60, 70).breaks(Rule::Invalidated);
        let before = story.clone().invalidate(1, 12, 15).retag(0, "t1", 20, 30);
        before.read(1, 0, 60, 70).holds();
        let unsure = story.retag(0, "t1", 20, 30).lost();
        unsure
            .clone()
            .invalidate(0, 40, 50)
            .read(1, 0, 60, 70)
            .holds();
        unsure.invalidate(1, 40, 50).read(1, 0, 60, 70).holds();
    }

    #[test]
    fn after_a_mark_nothing_is_fresh_but_may_be_stale() {
        let story = Story::default().store(1, "k0 t0", 0, 10).mark(0, 20, 30);
        story.clone().read(1, 0, 31, 40).breaks(Rule::Marked);
        story.clone().read(1, 0, 31, 40).stale().holds();
        let retagged = story.retag(0, "t1", 32, 34);
        retagged.read(1, 0, 40, 41).breaks(Rule::Marked);
    }

    #[test]
    fn what_was_deleted_or_overwritten_is_not_read() {
        let story = Story::default().store(1, "k0", 0, 10);
        story
            .clone()
            .delete(0, 20, 30)
            .read(1, 0, 31, 40)
            .breaks(Rule::Removed);
        story
            .clone()
            .flush(20, 30)
            .read(1, 0, 31, 40)
            .breaks(Rule::Removed);
        let overwritten = story.clone().store(2, "k0", 20, 30);
        overwritten.clone().read(1, 0, 31, 40).breaks(Rule::Removed);
        overwritten.read(2, 0, 31, 40).holds();
        story.delete(1, 20, 30).read(1, 0, 31, 40).holds();
    }

    #[test]
    fn a_value_that_may_have_moved_is_judged_by_its_tags_alone() {
        let story = Story::default()
            .store(1, "k0 t0", 0, 10)
            .rename(0, 1, 11, 12);
        story.clone().read(1, 1, 20, 30).holds();
        story.clone().delete(0, 15, 16).read(1, 1, 20, 30).holds();
        let dead = story.clone().invalidate(0, 15, 16);
        dead.read(1, 1, 20, 30).breaks(Rule::Invalidated);
        let excused = story.retag(1, "t1", 13, 14).invalidate(0, 15, 16);
        excused.read(1, 1, 20, 30).holds();
    }

    #[test]
    fn values_do_not_come_out_of_nowhere() {
        let nothing = Story::default();
        nothing.clone().read(1, 0, 0, 1).breaks(Rule::Invented);
        let refused = nothing.clone().store(1, "k0", 0, 1).refused();
        refused.read(1, 0, 2, 3).breaks(Rule::Invented);
        let elsewhere = nothing.clone().store(1, "k0", 0, 1);
        elsewhere.read(1, 1, 2, 3).breaks(Rule::Invented);
        let unsure = nothing.store(1, "k0", 0, 1).lost();
        unsure.read(1, 0, 2, 3).holds();
    }

    #[test]
    fn a_replica_is_held_to_what_wait_has_found_there() {
        let story = Story::default()
            .store(1, "k0 t0", 0, 10)
            .invalidate(0, 20, 30);
        story.clone().read(1, 0, 50, 60).on_replica().holds();
        let waited = story.replicated(40);
        waited.clone().read(1, 0, 35, 60).on_replica().holds();
        waited
            .read(1, 0, 50, 60)
            .on_replica()
            .breaks(Rule::Invalidated);
    }

    #[test]
    fn a_failover_may_lose_what_was_not_replicated() {
        let story = Story::default()
            .store(1, "k0 t0", 0, 10)
            .invalidate(0, 20, 30);
        let after = |story: Story| story.failover(40, 50).read(1, 0, 60, 70);
        after(story.clone()).holds();
        after(story.clone().replicated(35)).breaks(Rule::Invalidated);
        story
            .read(1, 0, 31, 35)
            .failover(40, 50)
            .breaks(Rule::Invalidated);
        let later = Story::default().store(1, "k0 t0", 0, 10).failover(40, 50);
        let later = later.invalidate(0, 51, 52).read(1, 0, 60, 70);
        later.breaks(Rule::Invalidated);
    }

    #[test]
    fn a_crash_loses_nothing_that_was_acknowledged() {
        let story = Story::default()
            .store(1, "k0 t0", 0, 10)
            .invalidate(0, 20, 30);
        story
            .crash(40, 50)
            .read(1, 0, 60, 70)
            .breaks(Rule::Invalidated);
    }
}
