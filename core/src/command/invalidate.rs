//! `CACHE.INVALIDATE tag [tag ...]` and `CACHE.MARKSTALE tag [tag ...]`

use super::{Encoded, Tags};
use crate::args::{Args, Argv};
use crate::error::Error;

/// What is done to the entries that carry a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// They die.
    Invalidate,
    /// They become stale.
    MarkStale,
}

/// Invalidates tags, or marks them stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TouchTags<'a> {
    /// Which of the two.
    pub touch: Touch,
    /// The tags.
    pub tags: Tags<'a>,
}

impl<'a> TouchTags<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A, touch: Touch) -> Result<Self, Error> {
        let name = match touch {
            Touch::Invalidate => "cache.invalidate",
            Touch::MarkStale => "cache.markstale",
        };
        let mut args = Args::new(argv, name, -2)?;
        Ok(Self {
            touch,
            tags: Tags::named(&mut args)?,
        })
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let name = match self.touch {
            Touch::Invalidate => "CACHE.INVALIDATE",
            Touch::MarkStale => "CACHE.MARKSTALE",
        };
        Encoded::new(name).args(self.tags.iter())
    }
}
