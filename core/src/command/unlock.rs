//! `CACHE.UNLOCK key token [BACKOFF ms]`

use super::Encoded;
use crate::args::{Args, Argv};
use crate::config::Config;
use crate::error::Error;

/// Gives a lease up without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlock<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The token of its lease.
    pub token: u64,
    /// For how long nobody else is to try, ms.
    pub backoff_ms: Option<u64>,
}

impl<'a> Unlock<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A, config: &Config) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.unlock", -3)?;
        let (key, token, mut backoff) = (args.bytes()?, args.token()?, None);
        while let Some(option) = args.keyword() {
            match option.name() {
                b"BACKOFF" => backoff = Some(args.lease("BACKOFF", config)?),
                _ => return Err(Error::Syntax),
            }
        }
        Ok(Self {
            key,
            token,
            backoff_ms: backoff,
        })
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.UNLOCK")
            .arg(self.key)
            .number(self.token)
            .option("BACKOFF", self.backoff_ms)
    }
}
