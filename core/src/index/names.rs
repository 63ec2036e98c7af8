//! From a tag's name to its number. Sharded, because a hash table grows all at once: a shard of a
//! table of ten million tags is rehashed in a fraction of the time the whole would take.
//! The names themselves are kept once, by the tags; the table holds numbers only.

use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};

const SHARDS: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Seeded per process: names come from clients, who must not be able to make them collide.
    hasher: RandomState,
    /// Empty until the first tag.
    shards: Vec<HashTable<u32>>,
    len: usize,
}

impl Names {
    /// The number of `name`; `name_of` gives the name of a number in the table.
    pub(crate) fn find<'a>(&self, name: &[u8], name_of: impl Fn(u32) -> &'a [u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(name);
        self.shards
            .get(shard(hash))?
            .find(hash, |id| name_of(*id) == name)
            .copied()
    }

    /// Adds a name that is not in the table yet.
    pub(crate) fn insert<'a>(&mut self, name: &[u8], id: u32, name_of: impl Fn(u32) -> &'a [u8]) {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, HashTable::new);
        }
        let hash = self.hasher.hash_one(name);
        let hasher = &self.hasher;
        self.shards[shard(hash)].insert_unique(hash, id, |id| hasher.hash_one(name_of(*id)));
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, name: &[u8], id: u32) {
        let hash = self.hasher.hash_one(name);
        let Some(shard) = self.shards.get_mut(shard(hash)) else {
            return;
        };
        if let Ok(found) = shard.find_entry(hash, |other| *other == id) {
            found.remove();
            self.len -= 1;
            if shard.is_empty() {
                *shard = HashTable::new();
            }
        }
        if self.len == 0 {
            self.shards = Vec::new();
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let tables: usize = self.shards.iter().map(HashTable::allocation_size).sum();
        tables + self.shards.capacity() * size_of::<HashTable<u32>>()
    }
}

/// The table itself uses the top seven and the lowest bits of the hash, so the shard takes others.
fn shard(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}
