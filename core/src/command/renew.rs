//! `CACHE.RENEW key token ms`

use super::Encoded;
use crate::args::{Args, Argv};
use crate::config::Config;
use crate::error::Error;

/// Has a lease end later, or sooner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renew<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The token of its lease.
    pub token: u64,
    /// When it is to end, in ms from now.
    pub ms: u64,
}

impl<'a> Renew<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A, config: &Config) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.renew", 4)?;
        Ok(Self {
            key: args.bytes()?,
            token: args.token()?,
            ms: args.lease("the lease", config)?,
        })
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.RENEW")
            .arg(self.key)
            .number(self.token)
            .number(self.ms)
    }
}
