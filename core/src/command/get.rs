//! `CACHE.GET key [STALE] [WITHMETA] [NOMISS]`

use super::Encoded;
use crate::args::{Args, Argv};
use crate::error::Error;

/// Reads a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get<'a> {
    /// The key.
    pub key: &'a [u8],
    /// A stale value will do.
    pub stale: bool,
    /// State, TTL and age are wanted too.
    pub with_meta: bool,
    /// Finding nothing is not counted: the caller goes on to ask for a lease.
    pub no_miss: bool,
}

impl<'a> Get<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.get", -2)?;
        let mut get = Self {
            key: args.bytes()?,
            stale: false,
            with_meta: false,
            no_miss: false,
        };
        while let Some(option) = args.keyword() {
            match option.name() {
                b"STALE" => get.stale = true,
                b"WITHMETA" => get.with_meta = true,
                b"NOMISS" => get.no_miss = true,
                _ => return Err(Error::Syntax),
            }
        }
        Ok(get)
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.GET")
            .arg(self.key)
            .flag("STALE", self.stale)
            .flag("WITHMETA", self.with_meta)
            .flag("NOMISS", self.no_miss)
    }
}
