//! `CACHE.TAGSCAN tag cursor [COUNT n]`

use super::Encoded;
use crate::args::{Args, Argv};
use crate::error::Error;

/// How many elements a page of a scan has unless the caller says otherwise, as with `SCAN`.
pub const DEFAULT_COUNT: usize = 10;

/// The most elements one page may have. Each is looked up before the reply, in about 3 microseconds,
/// and no page is to hold the server up for longer than a millisecond.
pub const MAX_COUNT: usize = 256;

/// Lists the keys of entries that carry a tag, a page at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagScan<'a> {
    /// The tag.
    pub tag: &'a [u8],
    /// Where to go on; 0 begins.
    pub cursor: u64,
    /// How many to look at.
    pub count: usize,
}

impl<'a> TagScan<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.tagscan", -3)?;
        let mut scan = Self {
            tag: args.bytes()?,
            cursor: args.cursor()?,
            count: DEFAULT_COUNT,
        };
        while let Some(option) = args.keyword() {
            match option.name() {
                b"COUNT" => scan.count = args.count()?.min(MAX_COUNT),
                _ => return Err(Error::Syntax),
            }
        }
        Ok(scan)
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.TAGSCAN")
            .arg(self.tag)
            .number(self.cursor)
            .option("COUNT", Some(self.count))
    }
}
