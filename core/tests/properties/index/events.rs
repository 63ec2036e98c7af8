//! What happens to tags and databases, and the work that is put off.

use super::allocations;
use super::op::{TAGS, key_of_name, tag_name};
use super::world::World;
use larder_core::entry::{Arena, Handle};
use larder_core::index::{Index, Marked, Retention, Verdict};

impl World {
    pub(crate) fn invalidate(&mut self, db: usize, tag: usize) {
        let stamp = self.stamp();
        let database = &mut self.databases[db];
        let count = database.index.invalidate(tag_name(tag), stamp, self.keep);
        let mut expected = 0;
        for known in database.keys.iter_mut().flatten() {
            if known.counted.has(tag) {
                known.counted.remove(tag);
                known.dead = true;
                expected += 1;
            }
        }
        database.invalidated[tag] = stamp.epoch.0;
        assert_eq!(count, expected, "invalidated with tag {tag} of db {db}");
    }

    pub(crate) fn mark_stale(&mut self, db: usize, tag: usize) {
        let stamp = self.stamp();
        let database = &mut self.databases[db];
        let count = database.index.mark_stale(tag_name(tag), stamp, self.keep);
        let mut expected = 0;
        for known in database.keys.iter_mut().flatten() {
            if known.counted.has(tag) {
                known.mark = known.mark.or(Some(stamp.ms));
                expected += 1;
            }
        }
        database.marked[tag] = stamp.epoch.0;
        assert_eq!(count, expected, "marked with tag {tag} of db {db}");
    }

    pub(crate) fn flush(&mut self, db: usize) {
        let old = self.replace_database(db);
        old.entries()
            .for_each(|known| self.blocks.free(known.handle));
        self.assert_size(old.index);
    }

    /// Whether what an index says of its memory is what comes back. It does not count its queues,
    /// which hold 4 bytes for each tag and 8 for each invalidation or mark.
    fn assert_size(&mut self, index: Index) {
        let counted = index.heap_bytes();
        let ((), _, returned) = allocations::measure(|| drop(index));
        let queues = 2 * (4 * TAGS + 8 * self.stamp().epoch.0 as usize) + 256;
        assert!(
            (counted..=counted + queues).contains(&returned),
            "{counted} bytes counted, {returned} came back"
        );
    }

    pub(crate) fn reclaim(&mut self, db: usize, most: usize) {
        for _ in 0..most {
            let Some(handle) = self.databases[db].index.next_dead() else {
                let lost = self.databases[db].entries().find(|known| known.dead);
                assert!(lost.is_none(), "{lost:?} is not reclaimed");
                return;
            };
            let key = self.key_of(db, handle);
            let known = self.databases[db].known(key).expect("just found");
            assert!(known.dead, "{known:?} was to be reclaimed");
            self.remove(db, key);
        }
    }

    pub(crate) fn write_marks(&mut self, db: usize, most: usize) {
        for _ in 0..most {
            match self.databases[db].index.next_marked(&mut self.blocks) {
                None => return self.assert_marks_written(db),
                Some(Marked::Nothing) => {}
                Some(Marked::Entry(handle)) => {
                    let key = self.key_of(db, handle);
                    let known = self.databases[db].known(key).expect("just found");
                    assert_eq!(known.mark, self.own_mark(handle), "of {known:?}");
                }
            }
        }
    }

    fn assert_marks_written(&self, db: usize) {
        let database = &self.databases[db];
        for known in database.entries().filter(|known| !known.dead) {
            assert_eq!(known.mark, self.own_mark(known.handle), "of {known:?}");
            let verdict = database.index.verdict(self.blocks.entry(known.handle));
            assert_eq!(verdict, Verdict::Alive, "{known:?}");
        }
    }

    /// The mark that an entry itself knows.
    pub(crate) fn own_mark(&self, handle: Handle) -> Option<i64> {
        let header = self.blocks.entry(handle).header;
        header.rare.as_ref().and_then(|rare| rare.mark_ms)
    }

    /// The key of an entry of a database, by the way that the index offers.
    fn key_of(&self, db: usize, handle: Handle) -> usize {
        let key = key_of_name(self.blocks.entry(handle).key());
        let known = self.databases[db].known(key);
        assert_eq!(
            known.map(|known| known.handle),
            Some(handle),
            "of key {key}"
        );
        key
    }

    pub(crate) fn sweep(&mut self, db: usize, most: usize) {
        self.databases[db].index.sweep(self.keep, most);
        self.carried
            .iter_mut()
            .for_each(|carried| carried.at_risk = true);
    }

    pub(crate) fn grant(&mut self, in_cluster: bool) {
        let granted = Some(self.stamp().epoch);
        self.lease = granted;
        self.keep = if in_cluster {
            Retention {
                since: granted,
                oldest_lease: None,
            }
        } else {
            Retention {
                oldest_lease: granted,
                since: None,
            }
        };
    }
}
