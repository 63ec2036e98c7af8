//! Tags and who carries them, for one database.
//!
//! ```text
//!   entry ── link ──> list ──> tag            (does it live?  entry.epoch, list.dead, list.marks)
//!   tag ───> list ──> slot ──> entry          (who carries it? reclaiming, counting, TAGSCAN)
//! ```
//!
//! A tag's entries stand in its current *list*. Invalidating the tag declares that list dead and
//! leaves the tag without one: three assignments, however long the list. The dead list is worked
//! off later, entry by entry, by [`Index::next_dead`]. Marking a tag stale notes the time in the
//! list; [`Index::next_marked`] later writes it into the entries, so that the notes can go.
//!
//! # Invariants
//! - An attached entry stands exactly once in the list of each of its links, at the position its
//!   link says, and its slot leads back to it. `validate` checks this, and all counters.
//! - Whether an entry lives follows from the entry and its lists, never from the way back.
//! - A list is never empty. A tag without a list is remembered only as long as a lease may be out
//!   that is older than its last invalidation; where history had to be forgotten, `floor` says up
//!   to which epoch, and fills older than that are refused.
//! - Nothing here is proportional to the length of a list except `validate` and dropping the index.

mod members;
mod membership;
mod names;
mod reclaim;
mod scan;
mod slab;
mod tags;
mod touched;
mod validate;

pub use membership::Verdict;
pub use reclaim::Marked;
pub use scan::{Members as MemberPage, TagPage};
pub use tags::{Retention, TagInfo, TagRef};

use crate::clock::Epoch;
use crate::entry::{Handle, Realm};
use members::Members;
use names::Names;
use slab::{Cell, Slab, Slot};
use std::collections::VecDeque;
use touched::Touched;

const NIL: u32 = u32::MAX;

/// Tags and their entries, for one database. See the module's documentation.
#[derive(Debug)]
pub struct Index {
    realm: Realm,
    /// Leases belong to the era they were granted in.
    era: u32,
    slots: Slab<Occupant>,
    lists: Slab<Slot<List>>,
    tags: Slab<Slot<Tag>>,
    names: Names,
    /// The last serial number given to a tag or list.
    serial: u32,
    /// Invalidations and marks so far that something was listed under. An entry that was seen
    /// alive at the present count need not be looked at again.
    changes: u64,
    /// Which lists they were about.
    touched: Touched,
    /// Epoch up to which invalidations may have been forgotten.
    floor: Epoch,
    /// Attached entries, tagged or not.
    entries: usize,
    /// Places in dead lists.
    dead: usize,
    /// Tags that have a list.
    carried: usize,
    /// The list of entries that are dead without a tag's doing.
    condemned: u32,
    to_reclaim: VecDeque<ListRef>,
    to_mark: VecDeque<ListRef>,
    /// Tags that may have nothing to remember any more.
    vacated: VecDeque<u32>,
    /// Heap held by names, member lists and marks.
    inner_bytes: usize,
}

/// A slot's occupant: a handle (lowest bit 0), or the next vacant slot (lowest bit 1).
#[derive(Debug)]
struct Occupant(u64);

impl Cell for Occupant {
    fn vacant(next: u32) -> Self {
        Self(u64::from(next) << 1 | 1)
    }

    fn next_vacant(&self) -> Option<u32> {
        (self.0 & 1 == 1).then_some((self.0 >> 1) as u32)
    }
}

#[derive(Debug)]
struct List {
    /// The tag; `NIL` for the list of condemned entries.
    tag: u32,
    serial: u32,
    dead: bool,
    members: Members,
    /// When the list was marked stale, oldest first; what is older than the entries is dropped.
    marks: Vec<Stamp>,
    /// The walk that writes marks into the entries.
    walk: Option<Walk>,
}

/// A walk down a list: members at and above `position` have been seen, and those that come later
/// are newer than `upto`.
#[derive(Debug)]
struct Walk {
    position: usize,
    upto: Epoch,
}

#[derive(Debug)]
struct Tag {
    name: Box<[u8]>,
    serial: u32,
    list: u32,
    invalidated: Stamp,
    marked: Stamp,
    /// Whether it stands in `vacated`.
    queued: bool,
}

/// When something happened to a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// In the order of things.
    pub epoch: Epoch,
    /// On the wall clock, unix ms; 0: never.
    pub ms: i64,
}

/// A list that may be gone by the time it is looked for.
#[derive(Clone, Copy, Debug)]
struct ListRef {
    id: u32,
    serial: u32,
}

impl Index {
    /// An empty index. `realm` must never have been used before.
    #[must_use]
    pub fn new(realm: Realm) -> Self {
        Self {
            realm,
            era: 0,
            slots: Slab::default(),
            lists: Slab::default(),
            tags: Slab::default(),
            names: Names::default(),
            serial: 0,
            changes: 0,
            touched: Touched::none(),
            floor: Epoch(0),
            entries: 0,
            dead: 0,
            carried: 0,
            condemned: NIL,
            to_reclaim: VecDeque::new(),
            to_mark: VecDeque::new(),
            vacated: VecDeque::new(),
            inner_bytes: 0,
        }
    }

    /// The name by which entries know this index.
    #[must_use]
    pub fn realm(&self) -> Realm {
        self.realm
    }

    /// Leases of another era are void.
    #[must_use]
    pub fn era(&self) -> u32 {
        self.era
    }

    /// All leases in here are void: the database changes places with another, or the server is no
    /// primary any more.
    pub fn begin_era(&mut self) {
        self.era = self.era.wrapping_add(1);
    }

    /// Forgets which tags were invalidated up to `epoch`: fills under older leases are refused.
    pub fn raise_floor(&mut self, epoch: Epoch) {
        self.floor = self.floor.max(epoch);
    }

    /// Attached entries, tagged or not.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Tags that some entry carries.
    #[must_use]
    pub fn carried_tags(&self) -> usize {
        self.carried
    }

    /// Dead entries not yet reclaimed; one that died by two tags counts twice.
    #[must_use]
    pub fn dead(&self) -> usize {
        self.dead
    }

    /// Whether dead entries wait to be reclaimed.
    #[must_use]
    pub fn has_dead(&self) -> bool {
        !self.to_reclaim.is_empty()
    }

    /// Whether marks wait to be written into entries.
    #[must_use]
    pub fn has_marks(&self) -> bool {
        !self.to_mark.is_empty()
    }

    /// Whether tags may wait to be forgotten.
    #[must_use]
    pub fn has_vacated(&self) -> bool {
        !self.vacated.is_empty()
    }

    /// Whether there is any work put off.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.has_dead() || self.has_marks() || self.has_vacated()
    }

    /// Heap bytes of everything in here that grows with the entries and tags, the entries' own blocks
    /// excepted. (Of invalidations and vacated tags that wait to be dealt with a few bytes are noted
    /// besides.)
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.slots.heap_bytes()
            + self.lists.heap_bytes()
            + self.tags.heap_bytes()
            + self.names.heap_bytes()
            + self.inner_bytes
    }

    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    fn handle_in(&self, slot: u32) -> Option<Handle> {
        self.slots
            .get(slot)
            .and_then(|occupant| Handle::from_address(occupant.0))
    }

    fn list(&self, id: u32) -> Option<&List> {
        match self.lists.get(id)? {
            Slot::Occupied(list) => Some(list),
            Slot::Vacant(_) => None,
        }
    }

    fn list_mut(&mut self, id: u32) -> Option<&mut List> {
        match self.lists.get_mut(id)? {
            Slot::Occupied(list) => Some(list),
            Slot::Vacant(_) => None,
        }
    }

    fn tag(&self, id: u32) -> Option<&Tag> {
        match self.tags.get(id)? {
            Slot::Occupied(tag) => Some(tag),
            Slot::Vacant(_) => None,
        }
    }

    fn tag_mut(&mut self, id: u32) -> Option<&mut Tag> {
        match self.tags.get_mut(id)? {
            Slot::Occupied(tag) => Some(tag),
            Slot::Vacant(_) => None,
        }
    }

    fn find(&self, name: &[u8]) -> Option<u32> {
        self.names
            .find(name, |id| self.tag(id).map_or(&[][..], |tag| &tag.name))
    }

    fn resolve(&self, list: ListRef) -> Option<&List> {
        self.list(list.id)
            .filter(|found| found.serial == list.serial)
    }
}
