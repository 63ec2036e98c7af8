//! Lists of tags in commands.

use crate::args::{Args, Argv};
use crate::config::Config;
use crate::error::Error;
use smallvec::SmallVec;
use std::collections::HashSet;

/// Up to this many tags are compared with each other; a longer list is hashed.
const FEW: usize = 16;

/// Tags, each once, in the order of their first mention.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags<'a>(SmallVec<[&'a [u8]; 8]>);

impl<'a> Tags<'a> {
    /// The next `count` arguments, for an entry.
    ///
    /// # Errors
    /// If there are not that many, or a limit is exceeded.
    pub fn of_entry<A: Argv + ?Sized>(
        args: &mut Args<'a, A>,
        count: usize,
        config: &Config,
    ) -> Result<Self, Error> {
        let tags = Self::read(args, count, Some(config.max_tag_length))?;
        if tags.len() > config.max_tags_per_entry {
            return Err(Error::TooManyTags(config.max_tags_per_entry));
        }
        Ok(tags)
    }

    /// All arguments that are left. No limit applies: what is named here was accepted once, when a
    /// limit may have been higher.
    ///
    /// # Errors
    /// Not at present.
    pub fn named<A: Argv + ?Sized>(args: &mut Args<'a, A>) -> Result<Self, Error> {
        Self::read(args, args.left(), None)
    }

    fn read<A: Argv + ?Sized>(
        args: &mut Args<'a, A>,
        count: usize,
        most: Option<usize>,
    ) -> Result<Self, Error> {
        let mut tags = Self::default();
        let mut seen = HashSet::new();
        for _ in 0..count {
            let tag = args.bytes()?;
            check_length(tag, most)?;
            let new = if count <= FEW {
                !tags.0.contains(&tag)
            } else {
                seen.insert(tag)
            };
            if new {
                tags.0.push(tag);
            }
        }
        Ok(tags)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tags in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + '_ {
        self.0.iter().copied()
    }
}

impl<'a> FromIterator<&'a [u8]> for Tags<'a> {
    /// The tags must differ.
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(tags: I) -> Self {
        Self(tags.into_iter().collect())
    }
}

fn check_length(tag: &[u8], most: Option<usize>) -> Result<(), Error> {
    match most {
        Some(most) if tag.len() > most => Err(Error::TagTooLong(most)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(words: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut args = Args::new(words, "x", -1).unwrap();
        let tags = Tags::named(&mut args).unwrap();
        tags.iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn repeated_tags_count_once_in_the_order_of_first_mention() {
        assert_eq!(
            named(&[b"x", b"b", b"a", b"b", b"", b"a", b""]),
            [&b"b"[..], b"a", b""]
        );
        let many: Vec<Vec<u8>> = (0..1_000)
            .map(|n| format!("t{}", n % 300).into_bytes())
            .collect();
        let words: Vec<&[u8]> = std::iter::once(&b"x"[..])
            .chain(many.iter().map(Vec::as_slice))
            .collect();
        assert_eq!(named(&words), many[..300]);
    }

    #[test]
    fn limits_are_those_of_the_settings() {
        let config = Config {
            max_tag_length: 3,
            max_tags_per_entry: 2,
            ..Config::default()
        };
        let read = |words: &[&[u8]]| {
            let mut args = Args::new(words, "x", -1)?;
            Tags::of_entry(&mut args, words.len() - 1, &config).map(|tags| tags.len())
        };
        assert_eq!(read(&[b"x", b"abc", b"abc", b"b"]), Ok(2));
        assert_eq!(read(&[b"x", b"abcd"]), Err(Error::TagTooLong(3)));
        assert_eq!(read(&[b"x", b"a", b"b", b"c"]), Err(Error::TooManyTags(2)));
    }
}
