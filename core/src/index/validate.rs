//! A full recount, for tests and for whoever doubts.

use super::{Index, ListRef, NIL, Stamp};
use crate::entry::Arena;
use std::collections::{HashSet, VecDeque};

impl Index {
    /// Walks everything and compares it with the counters and with itself. Takes time in
    /// proportion to the whole index.
    ///
    /// # Errors
    /// A sentence about the first contradiction.
    pub fn validate(&self, arena: &impl Arena) -> Result<(), String> {
        self.validate_slots(arena)?;
        self.validate_lists(arena)?;
        self.validate_tags()
    }

    fn validate_slots(&self, arena: &impl Arena) -> Result<(), String> {
        let mut seen = 0;
        for slot in 0..self.slots.bound() {
            let Some(handle) = self.handle_in(slot) else {
                continue;
            };
            seen += 1;
            let entry = arena.entry(handle);
            ensure(self.is_attached(entry), || {
                format!("slot {slot} holds an entry that is not attached")
            })?;
            ensure(entry.slot() == slot, || {
                format!("the entry in slot {slot} believes in {}", entry.slot())
            })?;
            for link in entry.links().filter(|link| link.to != NIL) {
                let member = self
                    .list(link.to)
                    .and_then(|list| list.members.get(link.at as usize));
                ensure(member == Some(slot), || {
                    format!("{link:?} of slot {slot} leads to {member:?}")
                })?;
            }
        }
        ensure(seen == self.slots.len(), || {
            format!("{seen} slots, {} counted", self.slots.len())
        })?;
        ensure(seen <= self.entries, || {
            format!("{seen} tagged entries of {}", self.entries)
        })
    }

    fn validate_lists(&self, arena: &impl Arena) -> Result<(), String> {
        let (mut dead, mut bytes) = (0, 0);
        let (to_reclaim, to_mark) = (numbers(&self.to_reclaim), numbers(&self.to_mark));
        for id in 0..self.lists.bound() {
            let Some(list) = self.list(id) else { continue };
            let len = list.members.len();
            ensure(len > 0, || format!("list {id} is empty"))?;
            bytes += list.members.heap_bytes() + list.marks.capacity() * size_of::<Stamp>();
            dead += if list.dead { len } else { 0 };
            let owner = self.tag(list.tag).map(|tag| tag.list);
            ensure(list.dead || owner == Some(id), || {
                format!("list {id} is alive, its tag says {owner:?}")
            })?;
            ensure(
                !list.dead || to_reclaim.contains(&(id, list.serial)),
                || format!("dead list {id} is not to be reclaimed"),
            )?;
            ensure(
                list.walk.is_none() || to_mark.contains(&(id, list.serial)),
                || format!("walk of list {id} does not go on"),
            )?;
            ensure(
                list.dead || list.marks.is_empty() || list.walk.is_some(),
                || format!("marks of list {id} stay"),
            )?;
            for position in 0..len {
                let handle = list
                    .members
                    .get(position)
                    .and_then(|slot| self.handle_in(slot));
                let Some(handle) = handle else {
                    return Err(format!("list {id} position {position} leads nowhere"));
                };
                let here = arena
                    .entry(handle)
                    .links()
                    .any(|link| link.to == id && link.at as usize == position);
                ensure(here, || {
                    format!("list {id} position {position}: the entry does not know")
                })?;
            }
        }
        let names: usize = (0..self.tags.bound())
            .filter_map(|id| self.tag(id))
            .map(|tag| tag.name.len())
            .sum();
        ensure(dead == self.dead, || {
            format!("{dead} dead places, {} counted", self.dead)
        })?;
        ensure(bytes + names == self.inner_bytes, || {
            format!(
                "{} inner bytes, {} counted",
                bytes + names,
                self.inner_bytes
            )
        })
    }

    fn validate_tags(&self) -> Result<(), String> {
        let mut carried = 0;
        let vacated: HashSet<u32> = self.vacated.iter().copied().collect();
        for id in 0..self.tags.bound() {
            let Some(tag) = self.tag(id) else { continue };
            ensure(self.find(&tag.name) == Some(id), || {
                format!("tag {id} is not found by its name")
            })?;
            ensure(tag.queued == vacated.contains(&id), || {
                format!("tag {id} is wrong about its queue")
            })?;
            ensure(tag.list != NIL || tag.queued, || {
                format!("tag {id} would be kept for ever")
            })?;
            if tag.list != NIL {
                carried += 1;
                let owner = self.list(tag.list).map(|list| (list.tag, list.dead));
                ensure(owner == Some((id, false)), || {
                    format!("tag {id}: its list says {owner:?}")
                })?;
            }
        }
        ensure(carried == self.carried, || {
            format!("{carried} carried tags, {} counted", self.carried)
        })
    }
}

fn numbers(queue: &VecDeque<ListRef>) -> HashSet<(u32, u32)> {
    queue.iter().map(|list| (list.id, list.serial)).collect()
}

fn ensure(holds: bool, complaint: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(complaint()) }
}
