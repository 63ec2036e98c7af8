//! The list of tags in its encoded form.

use super::DecodeError;
use super::reader::{Reader, put_bytes, put_unsigned};
use smallvec::SmallVec;

/// The most tags an encoded entry may have, whatever `cache.max-tags-per-entry` says.
pub const MAX_TAGS: usize = u16::MAX as usize;

/// Tags that were checked but not copied: a view of the encoded bytes, and an iterator over them.
#[derive(Clone, Copy, Debug)]
pub struct Tags<'a> {
    left: usize,
    reader: Reader<'a>,
}

impl<'a> Tags<'a> {
    /// Reads a number of tags and that many byte strings, which must differ.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let claimed = reader.unsigned()?;
        let count = usize::try_from(claimed)
            .ok()
            .filter(|&count| count <= MAX_TAGS);
        let left = count.ok_or(DecodeError::TooManyTags(claimed))?;
        let tags = Self {
            left,
            reader: *reader,
        };
        let mut seen = SmallVec::<[&[u8]; 16]>::new();
        for _ in 0..left {
            seen.push(reader.bytes()?);
        }
        seen.sort_unstable();
        if seen.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(DecodeError::DuplicateTag);
        }
        Ok(tags)
    }

    /// The reverse of [`Self::read`].
    pub(super) fn write<T>(tags: T, out: &mut Vec<u8>)
    where
        T: IntoIterator<Item: AsRef<[u8]>, IntoIter: ExactSizeIterator>,
    {
        let tags = tags.into_iter();
        debug_assert!(tags.len() <= MAX_TAGS, "an entry holds no more");
        put_unsigned(tags.len() as u64, out);
        for tag in tags {
            put_bytes(tag.as_ref(), out);
        }
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        self.reader.bytes().ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Tags<'_> {}

impl PartialEq for Tags<'_> {
    fn eq(&self, other: &Self) -> bool {
        Iterator::eq(*self, *other)
    }
}

impl Eq for Tags<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Tags<'_>, DecodeError> {
        Tags::read(&mut Reader::new(bytes))
    }

    #[test]
    fn the_view_ends_with_its_last_tag() {
        let tags = read(b"\x02\x01a\x00rest").expect("two tags");
        assert_eq!(tags.len(), 2);
        assert_eq!(tags.collect::<Vec<_>>(), [&b"a"[..], b""]);
        assert_eq!(read(b"\x00rest").map(|tags| tags.count()), Ok(0));
    }

    #[test]
    fn lists_are_equal_by_their_tags() {
        assert_eq!(read(b"\x01\x01a"), read(b"\x01\x01a\x01b"));
        assert_ne!(read(b"\x01\x01a"), read(b"\x02\x01a\x01b"));
        assert_ne!(read(b"\x02\x01b\x01a"), read(b"\x02\x01a\x01b"));
    }

    #[test]
    fn a_tag_must_not_be_there_twice() {
        assert_eq!(read(b"\x03\x01a\x01b\x01a"), Err(DecodeError::DuplicateTag));
        assert_eq!(read(b"\x02\x00\x00"), Err(DecodeError::DuplicateTag));
    }

    #[test]
    fn a_claimed_number_is_bounded_and_checked_against_what_is_there() {
        assert_eq!(read(b"\x80\x80\x04"), Err(DecodeError::TooManyTags(65_536)));
        assert_eq!(read(b"\xff\xff\x03\x01a"), Err(DecodeError::Truncated));
    }

    #[test]
    fn as_many_tags_as_an_entry_holds_round_trip() {
        let tags: Vec<_> = (0..MAX_TAGS).map(|n| n.to_be_bytes()).collect();
        let mut bytes = Vec::new();
        Tags::write(&tags, &mut bytes);
        let read = read(&bytes).expect("distinct tags");
        assert!(read.eq(tags.iter().map(|tag| &tag[..])));
    }
}
