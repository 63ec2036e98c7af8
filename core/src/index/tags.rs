//! Tags: their names, what has happened to them, and how long that is remembered.

use super::{Index, List, ListRef, NIL, Slot, Stamp, Tag, Walk};
use crate::clock::Epoch;
use crate::entry::Link;

/// Tags remembered only because of what happened to them. Beyond that many, the oldest are
/// forgotten and `floor` is raised.
const MAX_TOMBSTONES: usize = 16_384;
/// Names longer than this, in bytes, are not remembered.
const LONGEST_REMEMBERED: usize = 1_024;

/// A tag, as an entry that is not attached yet refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagRef {
    pub(super) id: u32,
    pub(super) serial: u32,
}

impl TagRef {
    pub(crate) fn link(self) -> Link {
        Link {
            to: self.id,
            at: self.serial,
        }
    }
}

/// What is known about a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagInfo {
    /// Entries that carry it, expired ones that are still there included.
    pub entries: usize,
    /// When it was last invalidated.
    pub invalidated: Stamp,
    /// When it was last marked stale.
    pub marked: Stamp,
}

/// For what the past of a tag that nothing carries is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The oldest lease that is out: its fill must be checked against what happened since.
    pub oldest_lease: Option<Epoch>,
    /// In cluster mode, entries may arrive that are older than this is not: everything since is
    /// kept.
    pub since: Option<Epoch>,
}

impl Retention {
    fn keeps(self, epoch: Epoch) -> bool {
        epoch != Epoch(0)
            && (self.oldest_lease.is_some_and(|oldest| oldest <= epoch)
                || self.since.is_some_and(|since| since <= epoch))
    }
}

impl Index {
    /// The tag called `name`, made if need be. Attach an entry with it before the next [`sweep`](Self::sweep).
    pub fn intern(&mut self, name: &[u8]) -> TagRef {
        let id = self.find(name).unwrap_or_else(|| self.add_tag(name));
        TagRef {
            id,
            serial: self.tag(id).map_or(NIL, |tag| tag.serial),
        }
    }

    /// Declares every entry that carries the tag dead. Returns how many there were.
    pub fn invalidate(&mut self, name: &[u8], now: Stamp, keep: Retention) -> usize {
        let Some(id) = self.find_or_remember(name, now, keep) else {
            return 0;
        };
        let Some(tag) = self.tag_mut(id) else {
            return 0;
        };
        tag.invalidated = now;
        let list = std::mem::replace(&mut tag.list, NIL);
        self.queue_vacated(id);
        let Some(found) = self.list_mut(list) else {
            return 0;
        };
        found.dead = true;
        found.walk = None;
        let (count, serial) = (found.members.len(), found.serial);
        self.carried -= 1;
        self.dead += count;
        self.note_change(list);
        self.to_reclaim.push_back(ListRef { id: list, serial });
        count
    }

    /// Declares every entry that carries the tag stale. Returns how many there were.
    pub fn mark_stale(&mut self, name: &[u8], now: Stamp, keep: Retention) -> usize {
        let Some(id) = self.find_or_remember(name, now, keep) else {
            return 0;
        };
        let Some(tag) = self.tag_mut(id) else {
            return 0;
        };
        tag.marked = now;
        let list = tag.list;
        let Some(found) = self.list_mut(list) else {
            return 0;
        };
        let (before, count, serial) = (found.marks.capacity(), found.members.len(), found.serial);
        found.marks.push(now);
        let grown = (found.marks.capacity() - before) * size_of::<Stamp>();
        let start = found.walk.is_none();
        if start {
            found.walk = Some(Walk {
                position: count,
                upto: now.epoch,
            });
            self.to_mark.push_back(ListRef { id: list, serial });
        }
        self.inner_bytes += grown;
        self.note_change(list);
        count
    }

    /// Whether the tag was invalidated or marked stale at or after `epoch`, as far as remembered.
    #[must_use]
    pub fn touched_since(&self, name: &[u8], epoch: Epoch) -> bool {
        let touched = |id| self.tag(id).is_some_and(|tag| tag.last_touched() >= epoch);
        self.floor >= epoch || self.find(name).is_some_and(touched)
    }

    /// Whether the tag was invalidated at or after `ms` on the wall clock, as far as remembered.
    #[must_use]
    pub fn invalidated_since_ms(&self, name: &[u8], ms: i64) -> bool {
        let tag = self.find(name).and_then(|id| self.tag(id));
        tag.is_some_and(|tag| tag.invalidated.ms >= ms && tag.invalidated.ms != 0)
    }

    /// Whether tags that were touched at or after `ms` on the wall clock may have been forgotten
    /// though `keep` still needs them.
    #[must_use]
    pub fn may_have_forgotten_since(&self, ms: i64, keep: Retention) -> bool {
        keep.keeps(self.floor) && self.floor.wall_ms() >= ms
    }

    /// When the tag was marked stale, if that was at or after `ms` on the wall clock.
    #[must_use]
    pub fn marked_since_ms(&self, name: &[u8], ms: i64) -> Option<i64> {
        let marked = self.find(name).and_then(|id| self.tag(id))?.marked.ms;
        (marked != 0 && marked >= ms).then_some(marked)
    }

    /// What is known about a tag, if anything.
    #[must_use]
    pub fn tag_info(&self, name: &[u8]) -> Option<TagInfo> {
        let tag = self.find(name).and_then(|id| self.tag(id))?;
        let entries = self.list(tag.list).map_or(0, |list| list.members.len());
        let known = entries > 0 || tag.last_touched() > Epoch(0);
        known.then_some(TagInfo {
            entries,
            invalidated: tag.invalidated,
            marked: tag.marked,
        })
    }

    /// Forgets tags that nothing carries and whose past nobody needs, looking at `budget` at most.
    /// Returns how many were dealt with for good: if that is all of them, there may be more.
    pub fn sweep(&mut self, keep: Retention, budget: usize) -> usize {
        let looks = budget.min(self.vacated.len());
        let settled = (0..looks).filter(|_| self.sweep_one(keep)).count();
        if self.vacated.is_empty() {
            self.vacated = std::collections::VecDeque::new();
        }
        settled
    }

    /// Looks at one tag. Whether it need not be looked at again.
    fn sweep_one(&mut self, keep: Retention) -> bool {
        let Some(id) = self.vacated.pop_front() else {
            return true;
        };
        let crowded = self.vacated.len() >= MAX_TOMBSTONES;
        let Some(tag) = self.tag_mut(id) else {
            return true;
        };
        tag.queued = false;
        let (carried, touched) = (tag.list != NIL, tag.last_touched());
        if carried {
            return true;
        }
        if keep.keeps(touched) {
            if !crowded {
                self.queue_vacated(id);
                return false;
            }
            self.raise_floor(touched);
        }
        self.drop_tag(id);
        true
    }

    /// A live list of this tag has become empty.
    pub(super) fn vacate(&mut self, id: u32) {
        if let Some(tag) = self.tag_mut(id) {
            tag.list = NIL;
            self.carried -= 1;
            self.queue_vacated(id);
        }
    }

    fn add_tag(&mut self, name: &[u8]) -> u32 {
        let serial = self.next_serial();
        let none = Stamp::default();
        let tag = Tag {
            name: name.into(),
            serial,
            list: NIL,
            invalidated: none,
            marked: none,
            queued: false,
        };
        let id = self.tags.insert(Slot::Occupied(tag));
        let tags = &self.tags;
        self.names.insert(name, id, |id| match tags.get(id) {
            Some(Slot::Occupied(tag)) => &tag.name,
            _ => &[],
        });
        self.inner_bytes += name.len();
        self.queue_vacated(id);
        id
    }

    fn drop_tag(&mut self, id: u32) {
        let Some(Slot::Occupied(tag)) = self.tags.remove(id) else {
            return;
        };
        self.inner_bytes -= tag.name.len();
        self.names.remove(&tag.name, id);
    }

    /// A tag that nobody knows is only made if its past will be needed. A very long name is not worth
    /// its memory: its past is forgotten at once.
    fn find_or_remember(&mut self, name: &[u8], now: Stamp, keep: Retention) -> Option<u32> {
        if let Some(id) = self.find(name) {
            return Some(id);
        }
        if !keep.keeps(now.epoch) {
            return None;
        }
        if name.len() > LONGEST_REMEMBERED {
            self.raise_floor(now.epoch);
            return None;
        }
        Some(self.add_tag(name))
    }

    /// A list was invalidated or marked: what was known of its members may be true no more.
    fn note_change(&mut self, list: u32) {
        self.changes += 1;
        self.touched.note(list, self.changes);
    }

    fn queue_vacated(&mut self, id: u32) {
        let Some(tag) = self.tag_mut(id) else { return };
        if !std::mem::replace(&mut tag.queued, true) {
            self.vacated.push_back(id);
        }
    }
}

impl Tag {
    fn last_touched(&self) -> Epoch {
        self.invalidated.epoch.max(self.marked.epoch)
    }
}

impl List {
    /// Whether every mark up to `epoch` can be forgotten.
    pub(super) fn forget_marks(&mut self, upto: Epoch) -> usize {
        let before = self.marks.capacity();
        self.marks.retain(|mark| mark.epoch > upto);
        if self.marks.is_empty() {
            self.marks = Vec::new();
        }
        (before - self.marks.capacity()) * size_of::<Stamp>()
    }
}
