//! Counters per key prefix, for the busiest prefixes.
//!
//! A prefix that is in the table owns a row; all others share the first row, called *other*, so
//! that the rows always add up to what was counted. An entry keeps the [`Slot`] of its row: a hit
//! finds its counters with two compares and neither reads nor hashes the key.
//!
//! When the table is full, a newcomer may take over the row under the hand of a CLOCK (Corbató,
//! 1968). Each access gives a row credit, each attempt of a newcomer takes one credit from the row
//! under the hand and moves the hand on; a row without credit is given up. So a prefix stays as
//! long as it is busier than a row's share of the traffic outside the table, and an attempt costs
//! the same however large the table is.

use super::Counters;
use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};

/// Prefixes longer than this, in bytes, are counted in *other*: a key may have hundreds of MB.
const MAX_LEN: usize = 64;

/// The row of everything without a row of its own.
const OTHER: u16 = 0;

/// Which row an entry counts in, kept with the entry: 4 bytes.
///
/// It is only a hint. A row that passes to another prefix changes its generation, and so makes all
/// slots that point to it stale. Generations wrap: a slot that slept through exactly 65,536 owners
/// of its row (or a multiple) is taken for current, and then counts for a wrong prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    row: u16,
    generation: u16,
}

impl Slot {
    /// No row yet. Never current, since the last row has a smaller number.
    pub const NONE: Self = Self {
        row: u16::MAX,
        generation: 0,
    };
}

impl Default for Slot {
    fn default() -> Self {
        Self::NONE
    }
}

#[derive(Debug, Default)]
struct Row {
    counters: Counters,
    prefix: Box<[u8]>,
    /// Recent accesses. Saturates, so that yesterday's rush doesn't keep a row for long.
    credit: u8,
}

/// A bounded table of counters per prefix. A row takes about 1.1 KB, and only when in use.
#[derive(Debug)]
pub struct Prefixes {
    depth: u32,
    capacity: u16,
    /// *Other*, then the rows of `by_prefix`.
    rows: Vec<Row>,
    /// One per row, also for rows that are not there at present: forgotten slots stay stale.
    generations: Vec<u16>,
    by_prefix: HashTable<u16>,
    hasher: RandomState,
    hand: u16,
}

impl Prefixes {
    /// The most rows a table may have.
    pub const MAX_CAPACITY: u16 = u16::MAX - 1;

    /// An empty table. For `depth` and `capacity` see [`Self::configure`].
    #[must_use]
    pub fn new(depth: u32, capacity: u16) -> Self {
        Self {
            depth,
            capacity: capacity.min(Self::MAX_CAPACITY),
            rows: vec![Row::default()],
            generations: vec![0],
            by_prefix: HashTable::new(),
            hasher: RandomState::new(),
            hand: OTHER,
        }
    }

    /// Changes where a prefix ends (before the `depth`-th `:`) and how many get a row of their own
    /// (at most [`Self::MAX_CAPACITY`]). A real change begins a new table: what was counted so far
    /// goes to *other*, and all slots become stale.
    pub fn configure(&mut self, depth: u32, capacity: u16) {
        let capacity = capacity.min(Self::MAX_CAPACITY);
        if (depth, capacity) != (self.depth, self.capacity) {
            let other = self.forget();
            self.rows[usize::from(OTHER)].counters = other;
            self.depth = depth;
            self.capacity = capacity;
        }
    }

    /// Zeroes all counters and forgets all prefixes; all slots become stale.
    pub fn reset(&mut self) {
        self.forget();
    }

    /// The slot for `key`: the one it had, if that is still current, else that of its prefix.
    /// Gives [`Slot::NONE`] to a prefix that found no room this time; it counts in *other*.
    ///
    /// A current slot is believed: it must come from the same key.
    pub fn resolve(&mut self, slot: Slot, key: &[u8]) -> Slot {
        if let Some(row) = self.current(slot) {
            self.touch(row);
            return slot;
        }
        self.look_up(key).map_or(Slot::NONE, |row| self.slot(row))
    }

    /// The counters behind a slot that is current, for an access of its key.
    pub(super) fn access(&mut self, slot: Slot) -> Option<&mut Counters> {
        let row = self.current(slot)?;
        self.touch(row);
        Some(&mut self.rows[usize::from(row)].counters)
    }

    /// The counters behind a slot; those of *other* if it is stale.
    pub fn at(&mut self, slot: Slot) -> &mut Counters {
        let row = self.current(slot).unwrap_or(OTHER);
        &mut self.rows[usize::from(row)].counters
    }

    /// The counters of a prefix that has a row of its own.
    #[must_use]
    pub fn get(&self, prefix: &[u8]) -> Option<&Counters> {
        self.find(prefix, self.hasher.hash_one(prefix))
            .map(|row| &self.rows[usize::from(row)].counters)
    }

    /// The counters of all prefixes without a row of their own, together.
    #[must_use]
    pub fn other(&self) -> &Counters {
        &self.rows[usize::from(OTHER)].counters
    }

    /// The prefixes that have a row, those with the most reads first.
    #[must_use]
    pub fn by_reads(&self) -> Vec<&[u8]> {
        let mut rows: Vec<&Row> = self.rows.iter().skip(1).collect();
        rows.sort_unstable_by(|a, b| {
            let reads = b.counters.reads().cmp(&a.counters.reads());
            reads.then_with(|| a.prefix.cmp(&b.prefix))
        });
        rows.into_iter().map(|row| &*row.prefix).collect()
    }
}

impl Prefixes {
    fn slot(&self, row: u16) -> Slot {
        Slot {
            row,
            generation: self.generations[usize::from(row)],
        }
    }

    /// The row of a slot that is not stale. Its row may be missing even if its generation is right:
    /// generations wrap.
    fn current(&self, slot: Slot) -> Option<u16> {
        let row = usize::from(slot.row);
        (row < self.rows.len() && self.generations[row] == slot.generation).then_some(slot.row)
    }

    fn touch(&mut self, row: u16) {
        let credit = &mut self.rows[usize::from(row)].credit;
        *credit = credit.saturating_add(1);
    }

    fn look_up(&mut self, key: &[u8]) -> Option<u16> {
        let Some(prefix) = prefix_of(key, self.depth).filter(|_| self.capacity > 0) else {
            return Some(OTHER);
        };
        let hash = self.hasher.hash_one(prefix);
        let Some(row) = self.find(prefix, hash) else {
            return self.admit(prefix, hash);
        };
        self.touch(row);
        Some(row)
    }

    fn find(&self, prefix: &[u8], hash: u64) -> Option<u16> {
        self.by_prefix
            .find(hash, |&row| *self.rows[usize::from(row)].prefix == *prefix)
            .copied()
    }

    fn admit(&mut self, prefix: &[u8], hash: u64) -> Option<u16> {
        let row = self.vacant_row()?;
        self.rows[usize::from(row)] = Row {
            prefix: prefix.into(),
            credit: 1,
            ..Row::default()
        };
        let Self {
            by_prefix,
            rows,
            hasher,
            ..
        } = self;
        by_prefix.insert_unique(hash, row, |&row| {
            hasher.hash_one(&*rows[usize::from(row)].prefix)
        });
        Some(row)
    }

    /// A new row while there is room, then the one under the hand if it has no credit left.
    fn vacant_row(&mut self) -> Option<u16> {
        let rows = u16::try_from(self.rows.len()).ok()?;
        if rows <= self.capacity {
            self.rows.push(Row::default());
            self.generations
                .resize(self.generations.len().max(self.rows.len()), 0);
            return Some(rows);
        }
        self.hand = self.hand % self.capacity + 1;
        let credit = &mut self.rows[usize::from(self.hand)].credit;
        if *credit > 0 {
            *credit -= 1;
            return None;
        }
        self.evict(self.hand);
        Some(self.hand)
    }

    fn evict(&mut self, row: u16) {
        let gone = std::mem::take(&mut self.rows[usize::from(row)]);
        self.rows[usize::from(OTHER)].counters += &gone.counters;
        let hash = self.hasher.hash_one(&*gone.prefix);
        if let Ok(entry) = self.by_prefix.find_entry(hash, |&found| found == row) {
            entry.remove();
        }
        let generation = &mut self.generations[usize::from(row)];
        *generation = generation.wrapping_add(1);
    }

    /// Drops all rows and makes all slots stale. Returns what the rows held together.
    fn forget(&mut self) -> Counters {
        let mut sum = Counters::default();
        for row in std::mem::replace(&mut self.rows, vec![Row::default()]) {
            sum += &row.counters;
        }
        self.by_prefix = HashTable::new();
        for generation in &mut self.generations {
            *generation = generation.wrapping_add(1);
        }
        sum
    }
}

/// The part of `key` before its `depth`-th `:`, or before its last one if it has fewer; empty if it
/// has none. `None` if that is longer than [`MAX_LEN`].
fn prefix_of(key: &[u8], depth: u32) -> Option<&[u8]> {
    let colons = key.iter().enumerate().filter(|&(_, &byte)| byte == b':');
    let mut end = 0;
    for (at, _) in colons.take(depth as usize) {
        if at > MAX_LEN {
            return None;
        }
        end = at;
    }
    Some(&key[..end])
}

#[cfg(test)]
mod tests;
