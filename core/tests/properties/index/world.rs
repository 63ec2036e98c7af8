//! Two databases, and what is known of their entries without the help of an index. Here: how
//! entries come and go.

use super::blocks::{Block, Blocks};
use super::op::{Op, TAGS, TagSet, key_name, tag_name};
use larder_core::clock::Epoch;
use larder_core::entry::{Arena, Draft, Handle, Realm};
use larder_core::index::{Index, Retention, Stamp, Verdict};

/// Entries that are no key's value at a time, at most.
const MOST_CARRIED: usize = 4;

pub(crate) struct World {
    pub(crate) blocks: Blocks,
    pub(crate) databases: [Database; 2],
    /// Entries that were unlinked and are no key's value, the latest last.
    pub(crate) carried: Vec<Carried>,
    /// When the lease was granted that is out.
    pub(crate) lease: Option<Epoch>,
    /// What is not forgotten because of it.
    pub(crate) keep: Retention,
    time: u64,
}

pub(crate) struct Database {
    pub(crate) index: Index,
    /// By the key's number.
    pub(crate) keys: Vec<Option<Known>>,
    /// When each tag was last invalidated. Epochs are ms in this world, and 0 is never.
    pub(crate) invalidated: [u64; TAGS],
    /// When each tag was last marked stale.
    pub(crate) marked: [u64; TAGS],
}

/// What an entry is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) handle: Handle,
    pub(crate) tags: TagSet,
    /// The tags that count it: not those that were invalidated since it was stored.
    pub(crate) counted: TagSet,
    pub(crate) dead: bool,
    pub(crate) mark: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Carried {
    key: usize,
    known: Known,
    /// Its tags may have been forgotten meanwhile.
    pub(crate) at_risk: bool,
}

impl Database {
    fn new(realm: u64) -> Self {
        Self {
            index: Index::new(Realm(realm as u32)),
            keys: Vec::new(),
            invalidated: [0; TAGS],
            marked: [0; TAGS],
        }
    }

    /// What is known of a key's entry.
    pub(crate) fn known(&self, key: usize) -> Option<Known> {
        self.keys.get(key).copied().flatten()
    }

    /// What is known of all entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Known> {
        self.keys.iter().flatten()
    }

    /// A block for an entry of this database.
    fn block(&mut self, draft: Draft<'_>, tags: TagSet) -> Block {
        let names = tags.iter().map(tag_name);
        let draft = Draft {
            tags: names.map(|name| self.index.intern(name)).collect(),
            realm: self.index.realm(),
            ..draft
        };
        let parts = draft.into_parts().expect("small enough");
        parts.into_halves()
    }

    /// An entry counts among those of its tags unless it is dead: then it has none any more.
    fn put(&mut self, key: usize, known: Known) {
        if self.keys.len() <= key {
            self.keys.resize(key + 1, None);
        }
        let none = TagSet::default();
        let counted = if known.dead { none } else { known.tags };
        self.keys[key] = Some(Known { counted, ..known });
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            blocks: Blocks::default(),
            databases: [Database::new(1), Database::new(2)],
            carried: Vec::new(),
            lease: None,
            keep: Retention::default(),
            time: 2,
        }
    }

    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Store { db, keys, choice } => {
                keys.for_each(|key| self.store(db, key, TagSet::chosen(choice, key)));
            }
            Op::Remove { db, keys, step } => {
                keys.step_by(step).for_each(|key| self.remove(db, key));
            }
            Op::Retag { db, key, tags } => self.retag(db, key, tags),
            Op::Copy { from, to } => self.copy(from, to),
            Op::Unlink { db, key } => self.unlink(db, key),
            Op::Link { db, key } => self.link(db, key),
            Op::Invalidate { db, tag } => self.invalidate(db, tag),
            Op::MarkStale { db, tag } => self.mark_stale(db, tag),
            Op::Swap => self.databases.swap(0, 1),
            Op::Flush { db } => self.flush(db),
            Op::Reclaim { db, most } => self.reclaim(db, most),
            Op::WriteMarks { db, most } => self.write_marks(db, most),
            Op::Sweep { db, most } => self.sweep(db, most),
            Op::Read { db, key } => self.read(db, key),
            Op::Grant { in_cluster } => self.grant(in_cluster),
            Op::Release => (self.lease, self.keep) = (None, Retention::default()),
        }
    }

    pub(crate) fn stamp(&mut self) -> Stamp {
        self.time += 1;
        Stamp {
            epoch: Epoch(self.time),
            ms: self.time.cast_signed(),
        }
    }

    pub(crate) fn store(&mut self, db: usize, key: usize, tags: TagSet) {
        let draft = Draft {
            key: &key_name(key),
            value: Some(b"value"),
            ..Draft::default()
        };
        let block = self.databases[db].block(draft, tags);
        self.remove(db, key);
        let known = Known {
            handle: self.blocks.add(block),
            tags,
            counted: tags,
            dead: false,
            mark: None,
        };
        self.arrive(db, key, known);
    }

    pub(crate) fn remove(&mut self, db: usize, key: usize) {
        if let Some(known) = self.databases[db].keys.get_mut(key).and_then(Option::take) {
            self.databases[db]
                .index
                .detach(&mut self.blocks, known.handle);
            self.blocks.free(known.handle);
        }
    }

    /// Has `db` begin anew. Returns what it was.
    pub(crate) fn replace_database(&mut self, db: usize) -> Database {
        let realm = self.stamp().epoch.0;
        std::mem::replace(&mut self.databases[db], Database::new(realm))
    }

    /// An entry becomes the value of a key that holds nothing.
    fn arrive(&mut self, db: usize, key: usize, known: Known) {
        let epoch = self.stamp().epoch;
        let database = &mut self.databases[db];
        database.index.attach(&mut self.blocks, known.handle, epoch);
        database.put(key, known);
    }

    /// Makes a copy of an entry for a key.
    fn duplicate(&mut self, known: Known, db: usize, key: usize, tags: TagSet) -> Known {
        let name = key_name(key);
        let draft = Draft::copy_of(self.blocks.entry(known.handle), &name);
        let block = self.databases[db].block(draft, tags);
        Known {
            handle: self.blocks.add(block),
            tags,
            ..known
        }
    }

    /// Puts a copy of an entry in its own place: with other tags, or to know its new key.
    fn rebuild(&mut self, db: usize, key: usize, known: Known, tags: TagSet) {
        let copy = self.duplicate(known, db, key, tags);
        self.remove(db, key);
        self.arrive(db, key, copy);
    }

    fn retag(&mut self, db: usize, key: usize, tags: TagSet) {
        let found = self.databases[db].known(key);
        if let Some(known) = found.filter(|known| !known.dead) {
            self.write_down(db, known.handle);
            self.rebuild(db, key, known, tags);
        }
    }

    fn copy(&mut self, from: (usize, usize), to: (usize, usize)) {
        let found = self.databases[from.0].known(from.1);
        if let Some(known) = found.filter(|_| from != to) {
            self.write_down(from.0, known.handle);
            let copy = self.duplicate(known, to.0, to.1, known.tags);
            self.remove(to.0, to.1);
            self.arrive(to.0, to.1, copy);
        }
    }

    fn write_down(&mut self, db: usize, handle: Handle) {
        let mut entry = self.blocks.entry_mut(handle);
        self.databases[db].index.write_down(&mut entry);
    }

    fn unlink(&mut self, db: usize, key: usize) {
        let Some(known) = self.databases[db].keys.get_mut(key).and_then(Option::take) else {
            return;
        };
        self.databases[db]
            .index
            .detach(&mut self.blocks, known.handle);
        if self.carried.len() == MOST_CARRIED {
            self.blocks.free(self.carried.remove(0).known.handle);
        }
        self.carried.push(Carried {
            key,
            known,
            at_risk: false,
        });
    }

    /// An entry that has lost its tags is dead from then on; none dies otherwise, and none comes
    /// back to life.
    pub(crate) fn link(&mut self, db: usize, key: usize) {
        let Some(Carried {
            key: old_key,
            mut known,
            at_risk,
        }) = self.carried.pop()
        else {
            return;
        };
        self.remove(db, key);
        let homeless = !known.tags.is_empty() && !self.bring_home(db, known.handle);
        self.arrive(db, key, known);
        let entry = self.blocks.entry(known.handle);
        let dead = self.databases[db].index.verdict(entry) == Verdict::Dead;
        assert!(dead || !(known.dead || homeless), "{known:?} is alive");
        assert!(
            !dead || known.dead || homeless || at_risk,
            "{known:?} is dead"
        );
        known.dead = dead;
        self.databases[db].put(key, known);
        if key != old_key && !known.tags.is_empty() {
            self.rebuild(db, key, known, known.tags);
        }
    }

    /// Has the index of `db` adopt an entry if it is another's. Whether there still is an index
    /// that knows the entry.
    fn bring_home(&mut self, db: usize, handle: Handle) -> bool {
        let entry = self.blocks.entry(handle);
        let realm = entry.header.realm();
        let mut indexes = self.databases.iter().map(|database| &database.index);
        let Some(old) = indexes.find(|index| index.realm() == realm) else {
            return false;
        };
        if realm != self.databases[db].index.realm() {
            let names: Vec<Box<[u8]>> = old.tag_names(entry).map(Box::from).collect();
            let mut entry = self.blocks.entry_mut(handle);
            self.databases[db].index.adopt(&mut entry, &names);
        }
        true
    }
}
