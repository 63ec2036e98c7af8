//! Whether the index agrees with what is known.

use super::op::{TAGS, key_of_name, tag_name};
use super::world::{Database, World};
use larder_core::clock::Epoch;
use larder_core::entry::Arena;
use larder_core::index::{Retention, Verdict};

/// Members and tags in a page of a scan: few, so that there are pages.
const PAGE: usize = 5;

impl World {
    pub(crate) fn read(&mut self, db: usize, key: usize) {
        let database = &self.databases[db];
        let Some(known) = database.known(key) else {
            return;
        };
        let verdict = database
            .index
            .judge(&mut self.blocks.entry_mut(known.handle));
        assert_eq!(verdict == Verdict::Dead, known.dead, "{known:?}");
        if known.dead {
            return;
        }
        let listed = match verdict {
            Verdict::Marked(ms) => Some(ms),
            Verdict::Alive | Verdict::Dead => None,
        };
        let mark = self.own_mark(known.handle).into_iter().chain(listed).min();
        assert_eq!(mark, known.mark, "of {known:?}");
        let names = database.index.tag_names(self.blocks.entry(known.handle));
        assert!(names.eq(known.tags.iter().map(tag_name)), "of {known:?}");
    }

    /// Compares everything there is.
    pub(crate) fn check(&mut self) {
        for db in 0..2 {
            let database = &self.databases[db];
            assert_eq!(database.index.validate(&self.blocks), Ok(()));
            assert_eq!(database.index.entries(), database.entries().count());
            self.check_tags(database);
            database.check_history(self.lease);
            (0..database.keys.len()).for_each(|key| self.read(db, key));
        }
    }

    /// Every tag has the entries that it should have, whichever way one looks.
    fn check_tags(&self, database: &Database) {
        let expected = database.counts();
        let mut listed = [0; TAGS];
        let mut cursor = 0;
        loop {
            let page = database.index.scan_tags(cursor, PAGE, |_| true);
            for (name, entries) in page.tags {
                listed[usize::from(name.first().copied().unwrap_or(0))] = entries;
            }
            cursor = page.cursor;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(listed, expected, "as scan_tags has it");
        let carried = expected.iter().filter(|count| **count > 0).count();
        assert_eq!(database.index.carried_tags(), carried);
        for tag in (0..TAGS).filter(|tag| expected[*tag] > 0) {
            assert_eq!(
                self.scan(database, tag),
                expected[tag],
                "members of tag {tag}"
            );
        }
    }

    /// How many members a scan of a tag returns, all of which must carry it.
    fn scan(&self, database: &Database, tag: usize) -> usize {
        let (mut seen, mut cursor) = (0, 0);
        loop {
            let page = database.index.scan_members(tag_name(tag), cursor, PAGE);
            for handle in &page.handles {
                let key = key_of_name(self.blocks.entry(*handle).key());
                let known = database.known(key).filter(|known| known.handle == *handle);
                assert!(
                    known.is_some_and(|known| known.counted.has(tag)),
                    "{known:?}"
                );
            }
            seen += page.handles.len();
            cursor = page.cursor;
            if cursor == 0 {
                return seen;
            }
        }
    }

    /// Everything goes: the index must hold no more than when it was new.
    pub(crate) fn end(mut self) {
        while !self.carried.is_empty() {
            self.link(0, 0);
        }
        for db in 0..2 {
            (0..self.databases[db].keys.len()).for_each(|key| self.remove(db, key));
            let index = &mut self.databases[db].index;
            assert_eq!(index.next_dead(), None);
            while index.next_marked(&mut self.blocks).is_some() {}
            index.sweep(Retention::default(), usize::MAX);
            assert_eq!(
                (index.entries(), index.carried_tags(), index.dead()),
                (0, 0, 0)
            );
            assert_eq!(index.heap_bytes(), 0);
            assert!(!index.has_work());
        }
        assert!(self.blocks.is_empty(), "blocks leaked");
    }
}

impl Database {
    /// How many entries count for each tag.
    fn counts(&self) -> [usize; TAGS] {
        let mut counts = [0; TAGS];
        let tags = self.entries().flat_map(|known| known.counted.iter());
        tags.for_each(|tag| counts[tag] += 1);
        counts
    }

    /// What has happened to tags since the lease was granted is remembered, and nothing is that
    /// did not happen.
    fn check_history(&self, lease: Option<Epoch>) {
        for tag in 0..TAGS {
            let (name, last) = (tag_name(tag), self.invalidated[tag].max(self.marked[tag]));
            if last == 0 {
                continue;
            }
            for since in [last, last + 1].map(Epoch) {
                let touched = self.index.touched_since(name, since);
                assert!(!touched || last >= since.0, "{tag} since {since:?}");
            }
            let Some(Epoch(granted)) = lease else {
                continue;
            };
            let invalidated = self.index.invalidated_since_ms(name, granted.cast_signed());
            let marked = self.index.marked_since_ms(name, granted.cast_signed());
            assert_eq!(
                self.index.touched_since(name, Epoch(granted)),
                last >= granted,
                "{tag}"
            );
            assert_eq!(invalidated, self.invalidated[tag] >= granted, "{tag}");
            assert_eq!(marked.is_some(), self.marked[tag] >= granted, "{tag}");
        }
    }
}
