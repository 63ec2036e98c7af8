//! What can happen to two databases, and how bytes say so.

use std::ops::Range;

/// Tags there are: enough for several chunks of the slabs they and their lists live in.
pub(crate) const TAGS: usize = 128;

/// Tags that many entries carry. The others are for a few keys each.
const COMMON: usize = 4;

/// Keys that single operations meet on.
const FEW: usize = 16;

/// Keys that are stored or removed at once.
const RUN: usize = 8;

/// All bytes in order.
static BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut n = 0;
    while n < bytes.len() {
        bytes[n] = n as u8;
        n += 1;
    }
    bytes
};

/// The name of a tag, of 0 to 5 bytes.
pub(crate) fn tag_name(tag: usize) -> &'static [u8] {
    &BYTES[tag..][..tag.min(1 + tag % 5)]
}

/// The name of a key.
pub(crate) fn key_name(key: usize) -> [u8; 4] {
    (key as u32).to_be_bytes()
}

/// The key of a name.
pub(crate) fn key_of_name(name: &[u8]) -> usize {
    u32::from_be_bytes(name.try_into().expect("four bytes")) as usize
}

/// Tags, one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagSet(u128);

/// Something that happens. Databases are 0 and 1.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Entries are stored under keys of a range, each with tags of its own choice.
    Store {
        db: usize,
        keys: Range<usize>,
        choice: u8,
    },
    /// Every so many-th key of a range is removed.
    Remove {
        db: usize,
        keys: Range<usize>,
        step: usize,
    },
    /// An entry gets other tags.
    Retag {
        db: usize,
        key: usize,
        tags: TagSet,
    },
    /// An entry is copied; places are a database and a key.
    Copy {
        from: (usize, usize),
        to: (usize, usize),
    },
    /// A key loses its entry, which may become the value of another.
    Unlink {
        db: usize,
        key: usize,
    },
    /// The entry that was unlinked last becomes the value of a key.
    Link {
        db: usize,
        key: usize,
    },
    Invalidate {
        db: usize,
        tag: usize,
    },
    MarkStale {
        db: usize,
        tag: usize,
    },
    /// The databases change places.
    Swap,
    Flush {
        db: usize,
    },
    /// Dead entries are removed, so many at most.
    Reclaim {
        db: usize,
        most: usize,
    },
    /// Marks are written into entries, so many at most.
    WriteMarks {
        db: usize,
        most: usize,
    },
    /// Tags are forgotten, so many at most.
    Sweep {
        db: usize,
        most: usize,
    },
    Read {
        db: usize,
        key: usize,
    },
    /// A lease is granted; one that was out ends.
    Grant {
        in_cluster: bool,
    },
    /// The lease ends.
    Release,
}

impl TagSet {
    /// Common tags, and one of the others, which depends on the key, if the highest bit is set.
    pub(crate) fn chosen(choice: u8, key: usize) -> Self {
        let own = u128::from(choice >> 7) << (COMMON + key % (TAGS - COMMON));
        Self(u128::from(choice) & ((1 << COMMON) - 1) | own)
    }

    pub(crate) fn has(self, tag: usize) -> bool {
        self.0 >> tag & 1 == 1
    }

    pub(crate) fn remove(&mut self, tag: usize) {
        self.0 &= !(1 << tag);
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let tag = left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(tag)
        })
    }
}

impl Op {
    /// Three bytes are an operation, whatever they are: what happens and in which database, to
    /// which key, and how. The seeds of the fuzzer rely on it.
    pub(crate) fn of([what, key, how]: [u8; 3]) -> Self {
        let (kind, db, choice) = (what % 32, usize::from(what >> 7), how);
        let (number, amount, high) = (usize::from(key), usize::from(how) + 1, how >= 128);
        let (key, first) = (number % FEW, number * 4);
        let keys = match kind {
            6 | 9 => first..first + RUN,
            _ => key..key + 1,
        };
        let (from, to) = ((db, key), (usize::from(high), usize::from(how) % FEW));
        let tag = amount % if high { TAGS } else { COMMON };
        let (tags, step) = (TagSet::chosen(how, key), amount % 8 + 1);
        match kind {
            0..=6 => Self::Store { db, keys, choice },
            7..=9 => Self::Remove { db, keys, step },
            10 => Self::Retag { db, key, tags },
            11 => Self::Copy { from, to },
            12 | 13 => Self::Unlink { db, key },
            14 | 15 => Self::Link { db, key },
            16..=18 => Self::Invalidate { db, tag },
            19..=21 => Self::MarkStale { db, tag },
            22 => Self::Swap,
            23 => Self::Flush { db },
            24 => Self::Reclaim { db, most: amount },
            25 => Self::WriteMarks { db, most: amount },
            26 | 27 => Self::Sweep { db, most: amount },
            28 => Self::Read { db, key },
            29 | 30 => Self::Grant { in_cluster: high },
            _ => Self::Release,
        }
    }
}
