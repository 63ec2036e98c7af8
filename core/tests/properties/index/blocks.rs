//! Entries' memory, safely owned: a handle of a block that was freed, which would be a crash in the
//! server, is a panic here.

use larder_core::entry::{Arena, Entry, EntryMut, Handle, Header};

/// Header and tail of an entry.
pub(crate) type Block = (Header, Vec<u8>);

/// Blocks by their handles, of which none is used twice.
#[derive(Default)]
pub(crate) struct Blocks(Vec<Option<Block>>);

impl Blocks {
    pub(crate) fn add(&mut self, block: Block) -> Handle {
        self.0.push(Some(block));
        Handle::from_address(2 * self.0.len() as u64).expect("not 0")
    }

    pub(crate) fn free(&mut self, handle: Handle) {
        self.0[place(handle)].take().expect("freed once");
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

impl Arena for Blocks {
    fn entry(&self, handle: Handle) -> Entry<'_> {
        let block = self.0[place(handle)].as_ref();
        let (header, tail) = block.expect("a handle of a freed block was used");
        Entry::new(header, tail)
    }

    fn entry_mut(&mut self, handle: Handle) -> EntryMut<'_> {
        let block = self.0[place(handle)].as_mut();
        let (header, tail) = block.expect("a handle of a freed block was used");
        EntryMut::new(header, tail)
    }
}

fn place(handle: Handle) -> usize {
    (handle.0.get() / 2 - 1) as usize
}
