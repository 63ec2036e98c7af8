//! Random operations on the index, compared with a naive model that knows every entry by heart.
//!
//! The arena of this test owns its blocks and panics when it is asked for one that was freed, so a
//! dangling handle, which would be a crash in the server, is a failure here.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use larder_core::clock::Epoch;
use larder_core::entry::{Arena, Draft, Entry, EntryMut, Handle, Header, Realm};
use larder_core::index::{Index, Marked, Retention, Stamp, Verdict};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const TAGS: usize = 4;
const KEYS: usize = 12;

#[derive(Default)]
struct Blocks(BTreeMap<u64, (Header, Vec<u8>)>, u64);

impl Blocks {
    fn add(&mut self, draft: Draft<'_>) -> Handle {
        self.1 += 2;
        self.0
            .insert(self.1, draft.into_parts().unwrap().into_halves());
        Handle::from_address(self.1).unwrap()
    }

    fn free(&mut self, handle: Handle) {
        self.0.remove(&handle.0.get()).expect("freed once");
    }
}

impl Arena for Blocks {
    fn entry(&self, handle: Handle) -> Entry<'_> {
        let (header, tail) = self
            .0
            .get(&handle.0.get())
            .expect("a handle of a freed block was used");
        Entry::new(header, tail)
    }

    fn entry_mut(&mut self, handle: Handle) -> EntryMut<'_> {
        let (header, tail) = self
            .0
            .get_mut(&handle.0.get())
            .expect("a handle of a freed block was used");
        EntryMut::new(header, tail)
    }
}

#[derive(Clone, Debug)]
enum Op {
    Store {
        db: usize,
        key: usize,
        tags: BTreeSet<usize>,
    },
    Remove {
        db: usize,
        key: usize,
    },
    Rename {
        db: usize,
        from: usize,
        to: usize,
    },
    Move {
        db: usize,
        key: usize,
    },
    Invalidate {
        db: usize,
        tag: usize,
    },
    Mark {
        db: usize,
        tag: usize,
    },
    Swap,
    Flush {
        db: usize,
    },
    Reclaim {
        db: usize,
        steps: usize,
    },
    WriteMarks {
        db: usize,
        steps: usize,
    },
    Sweep {
        db: usize,
    },
    Read {
        db: usize,
        key: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let (db, key, tag) = (0..2usize, 0..KEYS, 0..TAGS);
    let tags = proptest::collection::btree_set(0..TAGS, 0..=TAGS);
    prop_oneof![
        6 => (db.clone(), key.clone(), tags).prop_map(|(db, key, tags)| Op::Store { db, key, tags }),
        2 => (db.clone(), key.clone()).prop_map(|(db, key)| Op::Remove { db, key }),
        2 => (db.clone(), key.clone(), key.clone()).prop_map(|(db, from, to)| Op::Rename { db, from, to }),
        1 => (db.clone(), key.clone()).prop_map(|(db, key)| Op::Move { db, key }),
        3 => (db.clone(), tag.clone()).prop_map(|(db, tag)| Op::Invalidate { db, tag }),
        3 => (db.clone(), tag).prop_map(|(db, tag)| Op::Mark { db, tag }),
        1 => Just(Op::Swap),
        1 => db.clone().prop_map(|db| Op::Flush { db }),
        2 => (db.clone(), 1..6usize).prop_map(|(db, steps)| Op::Reclaim { db, steps }),
        2 => (db.clone(), 1..6usize).prop_map(|(db, steps)| Op::WriteMarks { db, steps }),
        1 => db.clone().prop_map(|db| Op::Sweep { db }),
        3 => (db, key).prop_map(|(db, key)| Op::Read { db, key }),
    ]
}

/// What the model knows of an entry.
#[derive(Clone, Debug)]
struct Known {
    handle: Handle,
    tags: BTreeSet<usize>,
    /// Its tags that have not been invalidated since it was stored.
    counted: BTreeSet<usize>,
    dead: bool,
    mark: Option<i64>,
}

struct World {
    blocks: Blocks,
    indexes: [Index; 2],
    keys: [BTreeMap<usize, Known>; 2],
    realms: u32,
    time: u64,
}

fn tag_name(tag: usize) -> Vec<u8> {
    format!("tag:{tag}").into_bytes()
}

fn key_name(key: usize) -> Vec<u8> {
    format!("key:{key}").into_bytes()
}

impl World {
    fn new() -> Self {
        Self {
            blocks: Blocks::default(),
            indexes: [Index::new(Realm(1)), Index::new(Realm(2))],
            keys: Default::default(),
            realms: 2,
            time: 1,
        }
    }

    fn stamp(&mut self) -> Stamp {
        self.time += 1;
        Stamp {
            epoch: Epoch(self.time),
            ms: self.time.cast_signed(),
        }
    }

    fn make(&mut self, db: usize, key: usize, tags: &BTreeSet<usize>) -> Handle {
        let index = &mut self.indexes[db];
        let name = key_name(key);
        self.blocks.add(Draft {
            key: &name,
            value: Some(b"value"),
            tags: tags
                .iter()
                .map(|tag| index.intern(&tag_name(*tag)))
                .collect(),
            realm: index.realm(),
            ..Draft::default()
        })
    }

    fn attach(&mut self, db: usize, handle: Handle) {
        let epoch = self.stamp().epoch;
        self.indexes[db].attach(&mut self.blocks, handle, epoch);
    }

    fn remove(&mut self, db: usize, key: usize) {
        if let Some(known) = self.keys[db].remove(&key) {
            self.indexes[db].detach(&mut self.blocks, known.handle);
            self.blocks.free(known.handle);
        }
    }

    fn store(&mut self, db: usize, key: usize, tags: &BTreeSet<usize>) {
        self.remove(db, key);
        let handle = self.make(db, key, tags);
        self.attach(db, handle);
        let known = Known {
            handle,
            tags: tags.clone(),
            counted: tags.clone(),
            dead: false,
            mark: None,
        };
        self.keys[db].insert(key, known);
    }

    /// As the server renames: the value is unlinked under its old name, then found under the new.
    fn rename(&mut self, db: usize, from: usize, to: usize) {
        if from == to || !self.keys[db].contains_key(&from) {
            return;
        }
        self.remove(db, to);
        let known = self.keys[db].remove(&from).unwrap();
        self.indexes[db].detach(&mut self.blocks, known.handle);
        let entry = self.blocks.entry(known.handle);
        let name = key_name(to);
        let index = &mut self.indexes[db];
        let names: Vec<Vec<u8>> = index.tag_names(entry).map(<[u8]>::to_vec).collect();
        let draft = Draft {
            tags: names.iter().map(|name| index.intern(name)).collect(),
            realm: index.realm(),
            ..Draft::copy_of(entry, &name)
        };
        let parts = draft.into_parts().unwrap();
        let (header, tail) = parts.into_halves();
        self.blocks.1 += 2;
        let address = self.blocks.1;
        self.blocks.0.insert(address, (header, tail));
        let handle = Handle::from_address(address).unwrap();
        self.blocks.free(known.handle);
        self.attach(db, handle);
        self.arrive(db, to, known, handle);
    }

    fn arrive(&mut self, db: usize, key: usize, known: Known, handle: Handle) {
        // Dead entries stand in no tag's list any more, only among the condemned.
        let counted = if known.dead {
            BTreeSet::new()
        } else {
            known.tags.clone()
        };
        self.keys[db].insert(
            key,
            Known {
                handle,
                counted,
                ..known
            },
        );
    }

    fn change_db(&mut self, db: usize, key: usize) {
        let to = 1 - db;
        if self.keys[to].contains_key(&key) {
            return;
        }
        let Some(known) = self.keys[db].remove(&key) else {
            return;
        };
        self.indexes[db].detach(&mut self.blocks, known.handle);
        let entry = self.blocks.entry(known.handle);
        let names: Vec<Box<[u8]>> = self.indexes[db].tag_names(entry).map(Box::from).collect();
        self.indexes[to].adopt(&mut self.blocks.entry_mut(known.handle), &names);
        self.attach(to, known.handle);
        let handle = known.handle;
        self.arrive(to, key, known, handle);
    }

    fn touch(&mut self, db: usize, tag: usize, kill: bool) {
        let stamp = self.stamp();
        let index = &mut self.indexes[db];
        let count = if kill {
            index.invalidate(&tag_name(tag), stamp, Retention::default())
        } else {
            index.mark_stale(&tag_name(tag), stamp, Retention::default())
        };
        let mut expected = 0;
        for known in self.keys[db]
            .values_mut()
            .filter(|known| known.counted.contains(&tag))
        {
            expected += 1;
            if kill {
                known.counted.remove(&tag);
                known.dead = true;
            } else {
                known.mark = known.mark.or(Some(stamp.ms));
            }
        }
        assert_eq!(count, expected, "tag {tag} of db {db}");
    }

    fn flush(&mut self, db: usize) {
        self.realms += 1;
        self.indexes[db] = Index::new(Realm(self.realms));
        for known in std::mem::take(&mut self.keys[db]).into_values() {
            self.blocks.free(known.handle);
        }
    }

    fn reclaim(&mut self, db: usize, steps: usize) {
        for _ in 0..steps {
            let Some(handle) = self.indexes[db].next_dead() else {
                assert!(
                    self.keys[db].values().all(|known| !known.dead),
                    "a dead entry is not reclaimed"
                );
                return;
            };
            let key = self.keys[db]
                .iter()
                .find(|(_, known)| known.handle == handle)
                .map(|(key, _)| *key)
                .unwrap();
            assert_eq!(
                self.blocks.entry(handle).key(),
                key_name(key),
                "the way back leads to its key"
            );
            assert!(self.keys[db][&key].dead, "a live entry was to be reclaimed");
            self.remove(db, key);
        }
    }

    fn write_marks(&mut self, db: usize, steps: usize) {
        for _ in 0..steps {
            match self.indexes[db].next_marked(&mut self.blocks) {
                None => return,
                Some(Marked::Nothing) => {}
                Some(Marked::Entry(handle)) => {
                    let known = self.keys[db]
                        .values()
                        .find(|known| known.handle == handle)
                        .unwrap();
                    assert!(known.mark.is_some(), "an entry was marked that is not");
                }
            }
        }
    }

    fn read(&mut self, db: usize, key: usize) {
        let Some(known) = self.keys[db].get(&key) else {
            return;
        };
        let index = &self.indexes[db];
        let verdict = index.judge(&mut self.blocks.entry_mut(known.handle));
        let entry = self.blocks.entry(known.handle);
        assert_eq!(verdict == Verdict::Dead, known.dead, "{known:?}");
        if known.dead {
            return;
        }
        let own = entry.header.rare.as_ref().and_then(|rare| rare.mark_ms);
        let listed = if let Verdict::Marked(ms) = verdict {
            Some(ms)
        } else {
            None
        };
        assert_eq!(own.into_iter().chain(listed).min(), known.mark, "{known:?}");
        let names: BTreeSet<Vec<u8>> = index.tag_names(entry).map(<[u8]>::to_vec).collect();
        assert_eq!(names, known.tags.iter().map(|tag| tag_name(*tag)).collect());
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Store { db, key, tags } => self.store(db, key, &tags),
            Op::Remove { db, key } => self.remove(db, key),
            Op::Rename { db, from, to } => self.rename(db, from, to),
            Op::Move { db, key } => self.change_db(db, key),
            Op::Invalidate { db, tag } => self.touch(db, tag, true),
            Op::Mark { db, tag } => self.touch(db, tag, false),
            Op::Swap => {
                self.indexes.swap(0, 1);
                self.keys.swap(0, 1);
            }
            Op::Flush { db } => self.flush(db),
            Op::Reclaim { db, steps } => self.reclaim(db, steps),
            Op::WriteMarks { db, steps } => self.write_marks(db, steps),
            Op::Sweep { db } => {
                self.indexes[db].sweep(Retention::default(), 100);
            }
            Op::Read { db, key } => self.read(db, key),
        }
    }

    fn check(&mut self) {
        for db in 0..2 {
            self.indexes[db].validate(&self.blocks).unwrap();
            assert_eq!(self.indexes[db].entries(), self.keys[db].len());
            for tag in 0..TAGS {
                let expected: BTreeSet<Vec<u8>> = self.keys[db]
                    .iter()
                    .filter(|(_, known)| known.counted.contains(&tag))
                    .map(|(key, _)| key_name(*key))
                    .collect();
                assert_eq!(self.scan(db, tag), expected, "members of tag {tag}");
            }
            (0..KEYS).for_each(|key| self.read(db, key));
        }
    }

    fn scan(&self, db: usize, tag: usize) -> BTreeSet<Vec<u8>> {
        let (mut seen, mut cursor) = (BTreeSet::new(), 0);
        loop {
            let page = self.indexes[db].scan_members(&tag_name(tag), cursor, 3);
            seen.extend(
                page.handles
                    .iter()
                    .map(|handle| self.blocks.entry(*handle).key().to_vec()),
            );
            cursor = page.cursor;
            if cursor == 0 {
                return seen;
            }
        }
    }

    /// Everything goes: the index must hold no more than when it was new.
    fn end(mut self) {
        for db in 0..2 {
            (0..KEYS).for_each(|key| self.remove(db, key));
            while self.indexes[db].next_dead().is_some() {}
            while self.indexes[db].next_marked(&mut self.blocks).is_some() {}
            self.indexes[db].sweep(Retention::default(), usize::MAX);
            let index = &self.indexes[db];
            assert_eq!(
                (
                    index.entries(),
                    index.carried_tags(),
                    index.dead(),
                    index.heap_bytes()
                ),
                (0, 0, 0, 0)
            );
            assert!(!index.has_work());
        }
        assert!(self.blocks.0.is_empty(), "blocks leaked");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_naive_model(ops in proptest::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        for op in ops {
            world.apply(op);
            world.check();
        }
        world.end();
    }
}

#[test]
fn a_scan_returns_what_is_there_from_beginning_to_end() {
    let mut world = World::new();
    let one: BTreeSet<usize> = [0].into();
    let tag = tag_name(0);
    for key in 0..3_000 {
        world.store(0, key, &one);
    }
    let (mut seen, mut cursor, mut round) = (BTreeSet::new(), 0, 0);
    loop {
        let page = world.indexes[0].scan_members(&tag, cursor, 50);
        seen.extend(
            page.handles
                .iter()
                .map(|handle| world.blocks.entry(*handle).key().to_vec()),
        );
        cursor = page.cursor;
        if cursor == 0 {
            break;
        }
        // Others leave and join between the pages: every third key, from both ends.
        for key in [round * 3 % 3_000, 2_999 - round * 3 % 3_000] {
            world.remove(0, key);
            world.store(0, 10_000 + key, &one);
        }
        round += 1;
    }
    let stayed = world.keys[0].keys().filter(|key| **key < 3_000);
    for key in stayed {
        assert!(
            seen.contains(&key_name(*key)),
            "key {key} was there all the time"
        );
    }
}

#[test]
fn what_is_remembered_of_a_tag_nothing_carries_lasts_as_long_as_an_older_lease() {
    let mut world = World::new();
    let lease = world.stamp().epoch;
    let stamp = world.stamp();
    let keep = Retention {
        oldest_lease: Some(lease),
        since: None,
    };
    let index = &mut world.indexes[0];
    assert_eq!(index.invalidate(b"nobody's", stamp, keep), 0);
    index.sweep(keep, 10);
    assert!(index.touched_since(b"nobody's", lease));
    assert!(!index.touched_since(b"nobody's", Epoch(stamp.epoch.0 + 1)));
    index.sweep(Retention::default(), 10);
    assert!(
        !index.touched_since(b"nobody's", lease),
        "forgotten once no lease needs it"
    );
    assert_eq!(index.heap_bytes(), 0);
}

#[test]
fn forgetting_too_much_refuses_old_fills_rather_than_letting_one_through() {
    let mut world = World::new();
    let lease = world.stamp().epoch;
    let keep = Retention {
        oldest_lease: Some(lease),
        since: None,
    };
    for n in 0..40_000 {
        let stamp = world.stamp();
        world.indexes[0].invalidate(format!("t{n}").as_bytes(), stamp, keep);
        world.indexes[0].sweep(keep, 2);
    }
    let index = &world.indexes[0];
    assert!(
        index.touched_since(b"t0", lease),
        "the oldest tombstone was dropped, its epoch was not"
    );
    assert!(index.touched_since(b"t39999", lease));
    let now = world.stamp().epoch;
    assert!(
        !world.indexes[0].touched_since(b"t0", now),
        "younger leases are not concerned"
    );
}
