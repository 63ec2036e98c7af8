//! How a block is put together.

use super::{CONDEMNED, Handle, Header, LINK, LINKS, PENDING, Rare, Realm, UNMEASURED};
use super::{Entry, Link, SLOT, TAGGED_MS, put_u32, put_u64};
use crate::error::Error;
use crate::index::TagRef;
use crate::stats::Slot;
use smallvec::SmallVec;

/// Everything an entry is made of.
#[derive(Clone, Debug, Default)]
pub struct Draft<'a> {
    /// The key it is made for.
    pub key: &'a [u8],
    /// The value; none for a placeholder.
    pub value: Option<&'a [u8]>,
    /// Unix ms at which the value was stored.
    pub stored_ms: i64,
    /// How long it may be served after its TTL.
    pub grace_ms: u64,
    /// How long it took to compute.
    pub compute_ms: Option<u32>,
    /// Lease, mark and the like.
    pub rare: Rare,
    /// Dead from the start, only to be reclaimed.
    pub condemned: bool,
    /// Its tags, interned in the index called `realm`.
    pub tags: SmallVec<[TagRef; 8]>,
    /// The index it is made for.
    pub realm: Realm,
    /// When its tags count from, unix ms. (In the index's own order: from when it is attached.)
    pub tagged_ms: i64,
    /// Where its reads are counted.
    pub stats: Slot,
}

/// The pieces of a block, to be laid one behind the other: the header, then `fixed`, `key`,
/// `value`.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The part every entry has.
    pub header: Header,
    /// The tag part.
    pub fixed: SmallVec<[u8; 128]>,
    /// The key, or nothing if the entry need not know it.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl<'a> Draft<'a> {
    /// A copy of `entry` under another key, without what belongs to a key (lease and backoff)
    /// or to an index: its tags are to be filled in.
    #[must_use]
    pub fn copy_of(entry: Entry<'a>, key: &'a [u8]) -> Self {
        let header = entry.header;
        let (mark_ms, hold) = match header.rare.as_deref() {
            Some(rare) => (rare.mark_ms, rare.hold),
            None => (None, None),
        };
        Self {
            key,
            value: (!header.is_pending()).then(|| entry.value()),
            stored_ms: header.stored_ms,
            grace_ms: header.grace_ms,
            compute_ms: header.compute_ms(),
            rare: Rare {
                mark_ms,
                hold,
                ..Rare::default()
            },
            condemned: header.is_condemned() || header.is_pending(),
            realm: Realm::default(),
            tagged_ms: entry.tagged_ms(),
            tags: SmallVec::new(),
            // A key of its own, so counted on its own.
            stats: Slot::NONE,
        }
    }

    /// The block's pieces.
    ///
    /// # Errors
    /// If key or value are longer than 4 GiB or there are more than 65,535 tags.
    pub fn into_parts(self) -> Result<Parts<'a>, Error> {
        // A condemned entry needs one link, to be found by the reclaimer.
        let links = if self.condemned { 1 } else { self.tags.len() };
        let value = self.value.unwrap_or_default();
        let key = if links == 0 { &[] } else { self.key };
        let header = Header {
            stored_ms: self.stored_ms,
            grace_ms: self.grace_ms,
            rare: (self.rare != Rare::default()).then(|| Box::new(self.rare)),
            value_len: u32::try_from(value.len()).map_err(|_| Error::TooLarge)?,
            key_len: u32::try_from(key.len()).map_err(|_| Error::TooLarge)?,
            compute_ms: self.compute_ms.unwrap_or(UNMEASURED),
            realm: self.realm,
            stats: self.stats,
            tags: u16::try_from(links).map_err(|_| Error::TooLarge)?,
            flags: if self.value.is_none() { PENDING } else { 0 }
                | if self.condemned { CONDEMNED } else { 0 },
        };
        let fixed = tag_part(self.tagged_ms, &self.tags, links);
        Ok(Parts {
            header,
            fixed,
            key,
            value,
        })
    }
}

fn tag_part(tagged_ms: i64, tags: &[TagRef], links: usize) -> SmallVec<[u8; 128]> {
    let mut fixed = SmallVec::new();
    if links == 0 {
        return fixed;
    }
    fixed.resize(LINKS + links * LINK, 0);
    put_u64(&mut fixed, TAGGED_MS, tagged_ms.cast_unsigned());
    put_u32(&mut fixed, SLOT, u32::MAX);
    for (n, tag) in tags.iter().take(links).enumerate() {
        let Link { to, at } = tag.link();
        put_u32(&mut fixed, LINKS + n * LINK, to);
        put_u32(&mut fixed, LINKS + n * LINK + 4, at);
    }
    fixed
}

impl Parts<'_> {
    /// Bytes behind the header.
    #[must_use]
    pub fn tail_len(&self) -> usize {
        self.fixed.len() + self.key.len() + self.value.len()
    }

    /// A handle and tail for arenas that keep the two halves apart.
    #[must_use]
    pub fn into_halves(self) -> (Header, Vec<u8>) {
        let tail = [&self.fixed[..], self.key, self.value].concat();
        (self.header, tail)
    }
}

impl Handle {
    /// A handle from an address or an even number; `None` for 0.
    #[must_use]
    pub fn from_address(address: u64) -> Option<Self> {
        debug_assert_eq!(address & 1, 0);
        std::num::NonZeroU64::new(address).map(Self)
    }
}
