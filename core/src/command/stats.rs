//! `CACHE.STATS [PREFIX prefix | PREFIXES | RESET]`

use super::Encoded;
use crate::args::{Args, Argv};
use crate::error::Error;

/// Asks for the statistics, or zeroes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stats<'a> {
    /// Those of the whole server.
    All,
    /// Those of a key prefix.
    Prefix(&'a [u8]),
    /// The prefixes that have some.
    Prefixes,
    /// Zero.
    Reset,
}

impl<'a> Stats<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.stats", -1)?;
        let stats = match args.keyword() {
            None => Self::All,
            Some(option) => match option.name() {
                b"PREFIX" => Self::Prefix(args.bytes()?),
                b"PREFIXES" => Self::Prefixes,
                b"RESET" => Self::Reset,
                _ => return Err(Error::Syntax),
            },
        };
        args.finish()?;
        Ok(stats)
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let call = Encoded::new("CACHE.STATS");
        match self {
            Self::All => call,
            Self::Prefix(prefix) => call.arg("PREFIX").arg(prefix),
            Self::Prefixes => call.arg("PREFIXES"),
            Self::Reset => call.arg("RESET"),
        }
    }
}
