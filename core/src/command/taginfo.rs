//! `CACHE.TAGINFO tag`

use super::Encoded;
use crate::args::{Args, Argv};
use crate::error::Error;

/// Asks what is known about a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagInfo<'a> {
    /// The tag.
    pub tag: &'a [u8],
}

impl<'a> TagInfo<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.taginfo", 2)?;
        Ok(Self { tag: args.bytes()? })
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.TAGINFO").arg(self.tag)
    }
}
