//! Looking through the index in pages, as SCAN does: whatever is there from beginning to end is
//! returned, nothing is promised of the rest.

use super::Index;
use crate::entry::Handle;

/// How many places a page of tags looks at for each tag asked for, and at least in any case.
const LOOKS_PER_TAG: usize = 10;
const LEAST_LOOKS: usize = 512;

/// Some of the entries that carry a tag.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Where to go on; 0 at the end.
    pub cursor: u64,
    /// The entries, dead and expired ones included.
    pub handles: Vec<Handle>,
}

/// Some of the tags that are carried.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TagPage<'a> {
    /// Where to go on; 0 at the end.
    pub cursor: u64,
    /// Each tag and how many entries carry it.
    pub tags: Vec<(&'a [u8], usize)>,
}

impl Index {
    /// Up to `count` entries that carry a tag. Cursor 0 begins.
    ///
    /// The walk goes down the list: an entry that leaves puts the last one in its place, which was
    /// seen already if it stood above the cursor; what joins is appended above it.
    #[must_use]
    pub fn scan_members(&self, name: &[u8], cursor: u64, count: usize) -> Members {
        let list = self.find(name).and_then(|id| self.list(self.tag(id)?.list));
        let Some(list) = list else {
            return Members::default();
        };
        let len = list.members.len();
        let from = if cursor == 0 {
            len
        } else {
            usize::try_from(cursor).map_or(len, |cursor| cursor.min(len))
        };
        let to = from.saturating_sub(count);
        let slots = (to..from)
            .rev()
            .filter_map(|position| list.members.get(position));
        Members {
            cursor: to as u64,
            handles: slots.filter_map(|slot| self.handle_in(slot)).collect(),
        }
    }

    /// Up to `count` carried tags for which `wanted` is true. Cursor 0 begins.
    ///
    /// Goes by the tags' numbers, which stay as long as they are carried.
    pub fn scan_tags(
        &self,
        cursor: u64,
        count: usize,
        mut wanted: impl FnMut(&[u8]) -> bool,
    ) -> TagPage<'_> {
        let bound = u64::from(self.tags.bound());
        let looks = count.saturating_mul(LOOKS_PER_TAG).max(LEAST_LOOKS);
        let end = cursor.saturating_add(looks as u64).min(bound);
        let mut page = TagPage::default();
        let mut next = cursor;
        while next < end && page.tags.len() < count {
            let tag = u32::try_from(next).ok().and_then(|id| self.tag(id));
            next += 1;
            let Some(tag) = tag else { continue };
            if let Some(list) = self.list(tag.list)
                && wanted(&tag.name)
            {
                page.tags.push((&tag.name, list.members.len()));
            }
        }
        page.cursor = if next >= bound { 0 } else { next };
        page
    }
}
