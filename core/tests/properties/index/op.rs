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
        steps: usize,
    },
    /// Marks are written into entries, so many at most.
    WriteMarks {
        db: usize,
        steps: usize,
    },
    /// Tags are forgotten, so many at most.
    Sweep {
        db: usize,
        budget: usize,
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
    /// which key, and how.
    pub(crate) fn of([what, key, how]: [u8; 3]) -> Self {
        let db = usize::from(what >> 7);
        let (number, run) = (usize::from(key) % FEW, usize::from(key) * 4);
        let other = usize::from(how) % FEW;
        let amount = usize::from(how) + 1;
        let tag = amount % if how < 128 { COMMON } else { TAGS };
        match what % 32 {
            0..=5 => Self::Store {
                db,
                keys: number..number + 1,
                choice: how,
            },
            6 => Self::Store {
                db,
                keys: run..run + RUN,
                choice: how,
            },
            7 | 8 => Self::Remove {
                db,
                keys: number..number + 1,
                step: 1,
            },
            9 => Self::Remove {
                db,
                keys: run..run + RUN,
                step: amount % 8 + 1,
            },
            10 => Self::Retag {
                db,
                key: number,
                tags: TagSet::chosen(how, number),
            },
            11 => Self::Copy {
                from: (db, number),
                to: (usize::from(how >> 7), other),
            },
            12 | 13 => Self::Unlink { db, key: number },
            14 | 15 => Self::Link { db, key: number },
            16..=18 => Self::Invalidate { db, tag },
            19..=21 => Self::MarkStale { db, tag },
            22 => Self::Swap,
            23 => Self::Flush { db },
            24 => Self::Reclaim { db, steps: amount },
            25 => Self::WriteMarks { db, steps: amount },
            26 | 27 => Self::Sweep { db, budget: amount },
            28 => Self::Read { db, key: number },
            29 | 30 => Self::Grant {
                in_cluster: how >= 128,
            },
            _ => Self::Release,
        }
    }
}
