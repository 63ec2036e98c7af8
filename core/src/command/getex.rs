//! `CACHE.GETEX key [EX s | PX ms | EXAT unix-s | PXAT unix-ms | PERSIST]`

use super::{Choice, Encoded};
use crate::args::{Args, Argv};
use crate::error::Error;

const NAME: &str = "cache.getex";

/// Reads a value and moves its TTL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetEx<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Where the TTL goes, if anywhere.
    pub ttl: Option<Move>,
}

/// Where a TTL goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Fresh for that many ms from now.
    In(i64),
    /// Fresh until that unix time in ms.
    At(i64),
    /// Fresh without end.
    Never,
}

impl Move {
    /// Until when the value is fresh, unix ms; `None`: without end.
    ///
    /// # Errors
    /// If that is too far away.
    pub fn resolve(self, now_ms: i64) -> Result<Option<i64>, Error> {
        match self {
            Self::In(ms) => now_ms
                .checked_add(ms)
                .map(Some)
                .ok_or(Error::InvalidExpire(NAME)),
            Self::At(ms) => Ok(Some(ms)),
            Self::Never => Ok(None),
        }
    }
}

impl<'a> GetEx<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A) -> Result<Self, Error> {
        let mut args = Args::new(argv, NAME, -2)?;
        let (key, mut ttl) = (args.bytes()?, Choice(None));
        while let Some(option) = args.keyword() {
            let to = match option.name() {
                b"EX" => Move::In(args.expiry(1_000)?),
                b"PX" => Move::In(args.expiry(1)?),
                b"EXAT" => Move::At(args.expiry(1_000)?),
                b"PXAT" => Move::At(args.expiry(1)?),
                b"PERSIST" => Move::Never,
                _ => return Err(Error::Syntax),
            };
            ttl.take(option, to)?;
        }
        Ok(Self {
            key,
            ttl: ttl.chosen(),
        })
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let call = Encoded::new("CACHE.GETEX").arg(self.key);
        match self.ttl {
            None => call,
            Some(Move::In(ms)) => call.option("PX", Some(ms)),
            Some(Move::At(ms)) => call.option("PXAT", Some(ms)),
            Some(Move::Never) => call.arg("PERSIST"),
        }
    }
}
