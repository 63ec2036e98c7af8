//! Working off what invalidations and marks left behind, one entry at a time, so that whoever
//! calls decides how long a slice lasts.

use super::{Index, Slot, Walk};
use crate::entry::{Arena, Handle};

/// One step of a walk that writes marks into entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// This entry has been marked stale, and now knows it itself.
    Entry(Handle),
    /// Nothing to do for the one looked at; there may be more.
    Nothing,
}

impl Index {
    /// The next dead entry. It must be detached before this is called again.
    pub fn next_dead(&mut self) -> Option<Handle> {
        while let Some(front) = self.to_reclaim.front() {
            let last = self.resolve(*front).and_then(|list| list.members.last());
            if let Some(handle) = last.and_then(|slot| self.handle_in(slot)) {
                return Some(handle);
            }
            self.to_reclaim.pop_front();
        }
        self.to_reclaim = std::collections::VecDeque::new();
        None
    }

    /// The next step of writing marks into entries; `None` when there is nothing left to write.
    pub fn next_marked(&mut self, arena: &mut impl Arena) -> Option<Marked> {
        let front = *self.to_mark.front()?;
        let Some(slot) = self.step(front.id, front.serial) else {
            self.to_mark.pop_front();
            return Some(Marked::Nothing);
        };
        let Some(handle) = self.handle_in(slot) else {
            return Some(Marked::Nothing);
        };
        let mut entry = arena.entry_mut(handle);
        self.write_down(&mut entry);
        // It may have known before (it was copied, say), but its key need not.
        let rare = entry.header.rare.as_deref();
        Some(if rare.is_some_and(|rare| rare.mark_ms.is_some()) {
            Marked::Entry(handle)
        } else {
            Marked::Nothing
        })
    }

    /// The next member of a list's walk, or `None` at its end.
    fn step(&mut self, id: u32, serial: u32) -> Option<u32> {
        let Some(Slot::Occupied(list)) = self.lists.get_mut(id) else {
            return None;
        };
        if list.serial != serial || list.dead {
            return None;
        }
        loop {
            let walk = list.walk.as_mut()?;
            // The list may have become shorter than the part already seen.
            walk.position = walk.position.min(list.members.len());
            if let Some(position) = walk.position.checked_sub(1) {
                walk.position = position;
                return list.members.get(position);
            }
            let upto = walk.upto;
            self.inner_bytes -= list.forget_marks(upto);
            // Marks that came during the walk concern members it did not see.
            let last = list.marks.last().map(|mark| mark.epoch);
            list.walk = last.map(|upto| Walk {
                position: list.members.len(),
                upto,
            });
        }
    }
}
