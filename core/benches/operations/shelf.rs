//! Entries as a server would hold them, and the index they stand in.

use larder_core::clock::Epoch;
use larder_core::entry::{Arena, Draft, Entry, EntryMut, Handle, Header, Realm};
use larder_core::index::{Index, Retention, Stamp, Verdict};

/// Blocks found by number: handle 2 is the first.
#[derive(Default)]
struct Blocks(Vec<(Header, Vec<u8>)>);

impl Arena for Blocks {
    fn entry(&self, handle: Handle) -> Entry<'_> {
        let (header, tail) = &self.0[place(handle)];
        Entry::new(header, tail)
    }

    fn entry_mut(&mut self, handle: Handle) -> EntryMut<'_> {
        let (header, tail) = &mut self.0[place(handle)];
        EntryMut::new(header, tail)
    }
}

fn place(handle: Handle) -> usize {
    handle.0.get() as usize / 2 - 1
}

/// An index and the entries of its keys.
pub(crate) struct Shelf {
    pub(crate) index: Index,
    blocks: Blocks,
    now: u64,
}

impl Shelf {
    /// So many entries; each carries a tag of its own, one of all, and one of a thousand entries.
    pub(crate) fn of(entries: usize) -> Self {
        let mut shelf = Self {
            index: Index::new(Realm(1)),
            blocks: Blocks::default(),
            now: 0,
        };
        for n in 0..entries {
            let handle = shelf.add(&["all", &format!("group:{}", n / 1_000), &format!("own:{n}")]);
            shelf.attach(handle);
        }
        shelf
    }

    /// An entry that is not in the index yet.
    fn add(&mut self, tags: &[&str]) -> Handle {
        let draft = Draft {
            key: b"page:000000000001",
            value: Some(&[b'v'; 100]),
            tags: tags
                .iter()
                .map(|tag| self.index.intern(tag.as_bytes()))
                .collect(),
            realm: self.index.realm(),
            ..Draft::default()
        };
        let parts = draft.into_parts().expect("a small entry");
        self.blocks.0.push(parts.into_halves());
        Handle::from_address(self.blocks.0.len() as u64 * 2).expect("not 0")
    }

    pub(crate) fn attach(&mut self, handle: Handle) {
        self.now += 1;
        self.index.attach(&mut self.blocks, handle, Epoch(self.now));
    }

    pub(crate) fn detach(&mut self, handle: Handle) {
        self.index.detach(&mut self.blocks, handle);
    }

    /// Entry `n` of those it was made with.
    pub(crate) fn entry(n: usize) -> Handle {
        Handle::from_address(n as u64 * 2 + 2).expect("not 0")
    }

    pub(crate) fn verdict(&self, handle: Handle) -> Verdict {
        self.index.verdict(self.blocks.entry(handle))
    }

    pub(crate) fn invalidate(&mut self, tag: &[u8]) -> usize {
        self.now += 1;
        let now = Stamp {
            epoch: Epoch(self.now),
            ms: 1,
        };
        self.index.invalidate(tag, now, Retention::default())
    }

    /// Unlists all dead entries, and says how many they were.
    pub(crate) fn reclaim(&mut self) -> usize {
        let mut count = 0;
        while let Some(handle) = self.index.next_dead() {
            self.detach(handle);
            count += 1;
        }
        count
    }
}
