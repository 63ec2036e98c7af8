//! `CACHE.SETTAGS key [tag ...]`

use super::{Encoded, Tags};
use crate::args::{Args, Argv};
use crate::config::Config;
use crate::error::Error;

/// Gives an entry other tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetTags<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its tags from now on.
    pub tags: Tags<'a>,
}

impl<'a> SetTags<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A, config: &Config) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.settags", -2)?;
        let key = args.bytes()?;
        let count = args.left();
        Ok(Self {
            key,
            tags: Tags::of_entry(&mut args, count, config)?,
        })
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.SETTAGS")
            .arg(self.key)
            .args(self.tags.iter())
    }
}
