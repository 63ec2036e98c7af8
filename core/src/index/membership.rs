//! Entries come and go: attach, detach, and whether one lives.

use super::members::Members;
use super::{Index, List, ListRef, NIL, Occupant, Slot};
use crate::clock::Epoch;
use crate::entry::{Arena, Entry, EntryMut, Handle, Link};

/// What an entry's tags say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None of its tags was touched since it was stored.
    Alive,
    /// It was marked stale, first at this unix ms.
    Marked(i64),
    /// It is dead.
    Dead,
}

impl Index {
    /// Whether the entry is listed here.
    #[must_use]
    pub fn is_attached(&self, entry: Entry<'_>) -> bool {
        entry.header.is_attached_to(self.realm)
    }

    /// Lists an entry that has become a key of this database; its tags count from `epoch`.
    ///
    /// An entry whose tags have been forgotten meanwhile, or that was made for another index, cannot
    /// be judged any more and is condemned: lost history means a miss.
    pub fn attach(&mut self, arena: &mut impl Arena, handle: Handle, epoch: Epoch) {
        let mut entry = arena.entry_mut(handle);
        if self.is_attached(entry.as_ref()) {
            return;
        }
        self.entries += 1;
        if entry.header.is_tagged() {
            let slot = self.slots.insert(Occupant(handle.0.get()));
            entry.set_slot(slot);
            entry.set_epoch(epoch);
            entry.set_checked(self.changes);
            let known = entry.header.realm == self.realm
                && entry.as_ref().links().all(|link| self.is_current(link));
            if !known {
                entry.header.condemn();
            }
            self.enlist(&mut entry, slot);
        }
        entry.header.set_attached(Some(self.realm));
    }

    /// Unlists an entry whose key is removed. What its lists know of it is written into it, for
    /// the value may live on under another key.
    pub fn detach(&mut self, arena: &mut impl Arena, handle: Handle) {
        let mut entry = arena.entry_mut(handle);
        if !self.is_attached(entry.as_ref()) {
            return;
        }
        self.entries -= 1;
        self.write_down(&mut entry);
        entry.header.set_attached(None);
        if !entry.header.is_tagged() {
            return;
        }
        let slot = entry.as_ref().slot();
        self.slots.remove(slot);
        entry.set_slot(NIL);
        for n in 0..arena.entry(handle).link_count() {
            let link = arena.entry(handle).link(n);
            let detached = self.delist(arena, link);
            arena.entry_mut(handle).set_link(n, detached);
        }
    }

    /// Makes a detached entry of another index one of this index, to be attached next. `names` are
    /// its tags', from [`tag_names`](Self::tag_names) of the other.
    pub fn adopt(&mut self, entry: &mut EntryMut<'_>, names: &[Box<[u8]>]) {
        if names.len() == entry.as_ref().link_count() {
            for (n, name) in names.iter().enumerate() {
                entry.set_link(n, self.intern(name).link());
            }
            entry.header.realm = self.realm;
        }
    }

    /// Whether an attached entry lives. Remembers a good answer in the entry.
    #[inline]
    pub fn judge(&self, entry: &mut EntryMut<'_>) -> Verdict {
        if self.knows_alive(entry.as_ref()) {
            return Verdict::Alive;
        }
        let verdict = self.verdict(entry.as_ref());
        if verdict == Verdict::Alive {
            entry.set_checked(self.changes);
        }
        verdict
    }

    /// Whether an attached entry lives. Writes nothing: in the process that saves a snapshot, each
    /// page written to is a page copied.
    #[must_use]
    pub fn verdict(&self, entry: Entry<'_>) -> Verdict {
        if entry.header.is_condemned() {
            Verdict::Dead
        } else if self.knows_alive(entry) || !self.may_be_touched(entry) {
            Verdict::Alive
        } else {
            self.judge_by_lists(entry)
        }
    }

    /// Whether nothing at all was touched since an entry was last seen alive, or it has no tags.
    #[inline]
    fn knows_alive(&self, entry: Entry<'_>) -> bool {
        !entry.header.is_condemned()
            && (!entry.header.is_tagged() || entry.checked() == self.changes)
    }

    /// Whether a tag of an entry may have been touched since it was last seen alive.
    fn may_be_touched(&self, entry: Entry<'_>) -> bool {
        let checked = entry.checked();
        entry
            .links()
            .any(|link| self.touched.since(link.to, checked))
    }

    /// Writes what the lists say about an entry into the entry itself.
    pub fn write_down(&self, entry: &mut EntryMut<'_>) {
        match self.judge(entry) {
            Verdict::Alive => {}
            Verdict::Dead => entry.header.condemn(),
            Verdict::Marked(ms) => {
                let mark = &mut entry.header.rare_mut().mark_ms;
                *mark = Some(mark.map_or(ms, |earlier| earlier.min(ms)));
            }
        }
    }

    /// The names of an entry's tags, in the order they were given.
    pub fn tag_names<'a>(&'a self, entry: Entry<'a>) -> impl Iterator<Item = &'a [u8]> + 'a {
        let attached = self.is_attached(entry);
        entry.links().filter_map(move |link| {
            let id = if attached {
                self.list(link.to)?.tag
            } else {
                link.to
            };
            let tag = self.tag(id)?;
            (attached || tag.serial == link.at).then_some(&*tag.name)
        })
    }

    fn judge_by_lists(&self, entry: Entry<'_>) -> Verdict {
        let epoch = entry.epoch();
        let mut verdict = Verdict::Alive;
        for link in entry.links() {
            let Some(list) = self.list(link.to) else {
                return Verdict::Dead;
            };
            if list.dead {
                return Verdict::Dead;
            }
            if let Some(mark) = list.marks.iter().find(|mark| mark.epoch >= epoch) {
                verdict = match verdict {
                    Verdict::Marked(ms) => Verdict::Marked(ms.min(mark.ms)),
                    _ => Verdict::Marked(mark.ms),
                };
            }
        }
        verdict
    }

    /// Whether a detached link still leads to the tag it was made for.
    fn is_current(&self, link: Link) -> bool {
        self.tag(link.to).is_some_and(|tag| tag.serial == link.at)
    }

    fn enlist(&mut self, entry: &mut EntryMut<'_>, slot: u32) {
        let condemned = entry.header.is_condemned();
        for n in 0..entry.as_ref().link_count() {
            let list = match (condemned, n) {
                (false, _) => self.list_of_tag(entry.as_ref().link(n).to),
                (true, 0) => self.list_of_condemned(),
                (true, _) => NIL,
            };
            let position = self.push_member(list, slot);
            entry.set_link(
                n,
                Link {
                    to: list,
                    at: position,
                },
            );
        }
    }

    fn list_of_tag(&mut self, id: u32) -> u32 {
        let list = self.tag(id).map_or(NIL, |tag| tag.list);
        if list != NIL {
            return list;
        }
        let list = self.new_list(id, false);
        if let Some(tag) = self.tag_mut(id) {
            tag.list = list;
            self.carried += 1;
        }
        list
    }

    fn list_of_condemned(&mut self) -> u32 {
        if self.condemned == NIL {
            self.condemned = self.new_list(NIL, true);
            let serial = self.serial;
            self.to_reclaim.push_back(ListRef {
                id: self.condemned,
                serial,
            });
        }
        self.condemned
    }

    fn new_list(&mut self, tag: u32, dead: bool) -> u32 {
        let serial = self.next_serial();
        let list = List {
            tag,
            serial,
            dead,
            members: Members::default(),
            marks: Vec::new(),
            walk: None,
        };
        self.lists.insert(Slot::Occupied(list))
    }

    fn push_member(&mut self, list: u32, slot: u32) -> u32 {
        let Some(list) = self.list_mut(list) else {
            return NIL;
        };
        let before = list.members.heap_bytes();
        let position = list.members.push(slot);
        let (after, dead) = (list.members.heap_bytes(), list.dead);
        // A chunk that is full gives back what it was too large, so this may be less.
        self.inner_bytes = self.inner_bytes + after - before;
        self.dead += usize::from(dead);
        position
    }

    /// Takes the member at `link` out of its list, and returns what the link is to be from now on.
    fn delist(&mut self, arena: &mut impl Arena, link: Link) -> Link {
        let Some(list) = self.list_mut(link.to) else {
            return Link { to: NIL, at: NIL };
        };
        let before = list.members.heap_bytes();
        let moved = list.members.swap_remove(link.at as usize);
        let old_position = list.members.len() as u32;
        let (after, dead, tag) = (list.members.heap_bytes(), list.dead, list.tag);
        self.inner_bytes = self.inner_bytes + after - before;
        self.dead -= usize::from(dead);
        if let Some(handle) = moved.and_then(|slot| self.handle_in(slot)) {
            let mut other = arena.entry_mut(handle);
            let from = Link {
                to: link.to,
                at: old_position,
            };
            let n = other.as_ref().links().position(|its| its == from);
            if let Some(n) = n {
                other.set_link(n, link);
            }
        }
        if old_position == 0 {
            self.drop_list(link.to);
        }
        Link {
            to: tag,
            at: self.tag(tag).map_or(NIL, |tag| tag.serial),
        }
    }

    /// Removes a list that has become empty.
    fn drop_list(&mut self, id: u32) {
        let Some(Slot::Occupied(list)) = self.lists.remove(id) else {
            return;
        };
        self.inner_bytes -=
            list.members.heap_bytes() + list.marks.capacity() * size_of::<super::Stamp>();
        if id == self.condemned {
            self.condemned = NIL;
        }
        if !list.dead {
            self.vacate(list.tag);
        }
    }
}
