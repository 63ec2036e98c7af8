//! An entry: one block of memory holding everything that belongs to a key.
//!
//! ```text
//! +--------+----------------------------------------+-----+-------+
//! | Header | only if the entry carries tags:        |     |       |
//! |        | epoch, checked, tagged-ms, slot,       | key | value |
//! |        | links (8 bytes per tag)                |     |       |
//! +--------+----------------------------------------+-----+-------+
//! ```
//!
//! An untagged entry is `Header | value`: nothing ever has to find its key. The block is allocated
//! by whoever owns the memory (see [`Arena`]); this module knows only its bytes, so it needs no
//! unsafe code. Numbers in the tag part are little endian.
//!
//! What is rare (a lease, a backoff, a mark, a key kept beyond its value) lives in an extra box,
//! [`Rare`].

mod life;
mod parts;

pub use life::{Freshness, Life};
pub use parts::{Draft, Parts};

use crate::clock::Epoch;
use crate::lease::{Backoff, Lease};
use crate::stats::Slot;
use std::num::NonZeroU64;

/// What finds an entry's block: a number only its [`Arena`] can read. The lowest bit is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(pub NonZeroU64);

/// The index an entry belongs to. Never used twice, so an entry that missed the end of its
/// database (FLUSHALL, a full sync) can be told from one of today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Realm(pub u32);

/// Where the blocks live.
///
/// The index calls it only for handles that were attached and not detached since; the owner of the
/// memory must detach an entry before it frees its block.
pub trait Arena {
    /// The entry behind a handle.
    fn entry(&self, handle: Handle) -> Entry<'_>;
    /// The same, to be changed.
    fn entry_mut(&mut self, handle: Handle) -> EntryMut<'_>;
}

/// The part every entry has.
#[derive(Debug, Default)]
pub struct Header {
    /// Unix time in ms at which the value was stored.
    pub stored_ms: i64,
    /// How long the value may be served after its TTL, in ms.
    pub grace_ms: u64,
    /// What few entries have.
    pub rare: Option<Box<Rare>>,
    value_len: u32,
    key_len: u32,
    compute_ms: u32,
    /// The index this entry is attached to, or was last.
    pub(crate) realm: Realm,
    /// Where its reads are counted.
    pub stats: Slot,
    tags: u16,
    flags: u8,
}

const _: () = assert!(
    size_of::<Header>() <= 48,
    "every entry pays for each byte here"
);

/// No value yet: somebody holds a lease on it.
const PENDING: u8 = 1;
/// Dead whatever its tags say: it was saved as dead, or carried here while it was a placeholder.
const CONDEMNED: u8 = 2;
/// Counted by the index named in `realm`.
const ATTACHED: u8 = 4;

/// `compute_ms` of an entry whose compute time nobody measured.
const UNMEASURED: u32 = u32::MAX;

/// State that few entries have at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rare {
    /// The right to compute the value, given to one caller.
    pub lease: Option<Lease>,
    /// Until when nobody is to compute it.
    pub backoff: Option<Backoff>,
    /// Unix time in ms at which the entry was first marked stale.
    pub mark_ms: Option<i64>,
    /// The key outlives its value.
    pub hold: Option<Hold>,
}

/// A key whose Redis expiry was moved because of a lease: its value ends before it does. That stays
/// true wherever the entry is carried, until somebody sets the key's expiry anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// When the value ends, unix ms.
    pub value_end_ms: i64,
    /// What the key's Redis expiry was moved to, unix ms.
    pub key_end_ms: i64,
}

impl Header {
    /// Whether the entry has no value.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.flags & PENDING != 0
    }

    /// Whether nothing but its tags, its key's expiry and its grace says what the entry is: it is a
    /// value without mark, lease or hold.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.rare.is_none() && !self.is_pending()
    }

    /// Whether the entry is dead for good, whatever its tags say.
    #[must_use]
    pub fn is_condemned(&self) -> bool {
        self.flags & CONDEMNED != 0
    }

    /// Makes the entry dead for good.
    pub fn condemn(&mut self) {
        self.flags |= CONDEMNED;
    }

    /// How long the value took to compute, in ms, if that was measured.
    #[must_use]
    pub fn compute_ms(&self) -> Option<u32> {
        (self.compute_ms != UNMEASURED).then_some(self.compute_ms)
    }

    /// Whether it has tags (a condemned entry is listed as if it had one).
    #[must_use]
    pub fn is_tagged(&self) -> bool {
        self.tags > 0
    }

    /// The rare part, made if need be.
    pub fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Drops the rare part if nothing is left in it.
    pub fn tidy(&mut self) {
        if self.rare.as_deref() == Some(&Rare::default()) {
            self.rare = None;
        }
    }

    /// Ends lease and backoff: they belong to a key, and the entry is under a new one.
    /// Returns the token of the lease, if there was one.
    pub fn strip_lease(&mut self) -> Option<u64> {
        let rare = self.rare.as_deref_mut()?;
        rare.backoff = None;
        let token = rare.lease.take().map(|lease| lease.token);
        self.tidy();
        token
    }

    /// The index this entry is attached to, or was made for.
    #[must_use]
    pub fn realm(&self) -> Realm {
        self.realm
    }

    pub(crate) fn is_attached_to(&self, realm: Realm) -> bool {
        self.flags & ATTACHED != 0 && self.realm == realm
    }

    pub(crate) fn set_attached(&mut self, realm: Option<Realm>) {
        match realm {
            Some(realm) => {
                self.realm = realm;
                self.flags |= ATTACHED;
            }
            None => self.flags &= !ATTACHED,
        }
    }

    /// Length of the bytes behind this header, in a block that was made from [`Parts`].
    #[must_use]
    pub fn tail_len(&self) -> usize {
        let tag_part = if self.tags == 0 {
            0
        } else {
            LINKS + usize::from(self.tags) * LINK
        };
        tag_part + self.key_len as usize + self.value_len as usize
    }
}

// Offsets in the tag part.
const EPOCH: usize = 0;
const CHECKED: usize = 8;
const TAGGED_MS: usize = 16;
const SLOT: usize = 24;
const LINKS: usize = 28;
const LINK: usize = 8;

/// Which end of a tag's list an entry holds. While attached: (list, position in it); while
/// detached: (tag, the tag's serial number).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) to: u32,
    pub(crate) at: u32,
}

/// An entry to look at.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The part every entry has.
    pub header: &'a Header,
    tail: &'a [u8],
}

/// An entry to change. The lengths cannot be changed.
#[derive(Debug)]
pub struct EntryMut<'a> {
    /// The part every entry has.
    pub header: &'a mut Header,
    tail: &'a mut [u8],
}

impl<'a> Entry<'a> {
    /// Puts together the two halves of a block that was made from [`Parts`].
    #[must_use]
    pub fn new(header: &'a Header, tail: &'a [u8]) -> Self {
        Self { header, tail }
    }

    /// The value's bytes; empty for a placeholder.
    #[must_use]
    #[inline]
    pub fn value(self) -> &'a [u8] {
        &self.tail[self.tail.len() - self.header.value_len as usize..]
    }

    /// The key this entry was made for; empty for an untagged entry, which does not keep it.
    #[must_use]
    pub fn key(self) -> &'a [u8] {
        let value = self.tail.len() - self.header.value_len as usize;
        &self.tail[value - self.header.key_len as usize..value]
    }

    /// When its tags count from.
    #[must_use]
    pub fn epoch(self) -> Epoch {
        if self.header.is_tagged() {
            Epoch(get_u64(self.tail, EPOCH))
        } else {
            Epoch(0)
        }
    }

    /// The same in unix ms of the server that tagged it.
    #[must_use]
    pub fn tagged_ms(self) -> i64 {
        if self.header.is_tagged() {
            get_u64(self.tail, TAGGED_MS).cast_signed()
        } else {
            self.header.stored_ms
        }
    }

    /// The state of the index at which the entry was last seen alive.
    #[inline]
    pub(crate) fn checked(self) -> u64 {
        get_u64(self.tail, CHECKED)
    }

    pub(crate) fn slot(self) -> u32 {
        get_u32(self.tail, SLOT)
    }

    pub(crate) fn link_count(self) -> usize {
        usize::from(self.header.tags)
    }

    pub(crate) fn link(self, n: usize) -> Link {
        let at = LINKS + n * LINK;
        Link {
            to: get_u32(self.tail, at),
            at: get_u32(self.tail, at + 4),
        }
    }

    pub(crate) fn links(self) -> impl Iterator<Item = Link> + 'a {
        (0..self.link_count()).map(move |n| self.link(n))
    }
}

impl<'a> EntryMut<'a> {
    /// Puts together the two halves of a block that was made from [`Parts`].
    #[must_use]
    pub fn new(header: &'a mut Header, tail: &'a mut [u8]) -> Self {
        Self { header, tail }
    }

    /// To look at.
    #[must_use]
    pub fn as_ref(&self) -> Entry<'_> {
        Entry {
            header: self.header,
            tail: self.tail,
        }
    }

    pub(crate) fn set_epoch(&mut self, epoch: Epoch) {
        put_u64(self.tail, EPOCH, epoch.0);
    }

    pub(crate) fn set_checked(&mut self, checked: u64) {
        put_u64(self.tail, CHECKED, checked);
    }

    pub(crate) fn set_slot(&mut self, slot: u32) {
        put_u32(self.tail, SLOT, slot);
    }

    pub(crate) fn set_link(&mut self, n: usize, link: Link) {
        let at = LINKS + n * LINK;
        put_u32(self.tail, at, link.to);
        put_u32(self.tail, at + 4, link.at);
    }
}

#[inline]
fn get_u64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn get_u32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}
