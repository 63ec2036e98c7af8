//! `CACHE.TAGLIST cursor [MATCH pattern] [COUNT n]`

use super::Encoded;
use super::tagscan::{DEFAULT_COUNT, MAX_COUNT};
use crate::args::{Args, Argv};
use crate::error::Error;

/// Lists the tags that are carried, a page at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList<'a> {
    /// Where to go on; 0 begins.
    pub cursor: u64,
    /// Only tags that match this glob.
    pub pattern: Option<&'a [u8]>,
    /// How many to list.
    pub count: usize,
}

impl<'a> TagList<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.taglist", -2)?;
        let mut list = Self {
            cursor: args.cursor()?,
            pattern: None,
            count: DEFAULT_COUNT,
        };
        while let Some(option) = args.keyword() {
            match option.name() {
                b"MATCH" => list.pattern = Some(args.bytes()?),
                b"COUNT" => list.count = args.count()?.min(MAX_COUNT),
                _ => return Err(Error::Syntax),
            }
        }
        Ok(list)
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let call = Encoded::new("CACHE.TAGLIST").number(self.cursor);
        let call = match self.pattern {
            Some(pattern) => call.arg("MATCH").arg(pattern),
            None => call,
        };
        call.option("COUNT", Some(self.count))
    }
}
