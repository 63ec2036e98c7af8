//! `CACHE.GETORLOCK key [LEASE ms] [WAIT ms] [EARLY beta] [FRESH] [BOUND]`

use super::Encoded;
use crate::args::{Args, Argv};
use crate::config::Config;
use crate::error::Error;

/// The longest a caller may wait, ms.
pub const MAX_WAIT_MS: u64 = 300_000;

/// Reads a value, or asks to compute it.
#[derive(Clone, Debug, PartialEq)]
pub struct GetOrLock<'a> {
    /// The key.
    pub key: &'a [u8],
    /// How long the lease is to last, ms; `cache.lease-time` if not given.
    pub lease_ms: Option<u64>,
    /// How long to wait for somebody else's computation, ms; 0: not at all.
    pub wait_ms: u64,
    /// How eager to refresh before the end (XFetch); not at all if not given.
    pub early: Option<f64>,
    /// A stale value will not do.
    pub fresh: bool,
    /// The lease is to end with the connection.
    pub bound: bool,
}

impl<'a> GetOrLock<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A, config: &Config) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.getorlock", -2)?;
        let key = args.bytes()?;
        let (mut lease, mut wait, mut early, mut fresh, mut bound) = (None, 0, None, false, false);
        while let Some(option) = args.keyword() {
            match option.name() {
                b"LEASE" => lease = Some(args.lease("LEASE", config)?),
                b"WAIT" => wait = args.ms("WAIT", 0, MAX_WAIT_MS)?,
                b"EARLY" => early = Some(beta(args.bytes()?)?),
                b"FRESH" => fresh = true,
                b"BOUND" => bound = true,
                _ => return Err(Error::Syntax),
            }
        }
        Ok(Self {
            key,
            lease_ms: lease,
            wait_ms: wait,
            early,
            fresh,
            bound,
        })
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.GETORLOCK")
            .arg(self.key)
            .option("LEASE", self.lease_ms)
            .option("WAIT", (self.wait_ms > 0).then_some(self.wait_ms))
            .option("EARLY", self.early)
            .flag("FRESH", self.fresh)
            .flag("BOUND", self.bound)
    }
}

fn beta(argument: &[u8]) -> Result<f64, Error> {
    let value = std::str::from_utf8(argument)
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    value
        .filter(|beta| beta.is_finite() && *beta >= 0.0)
        .ok_or(Error::NotABeta)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_beta_are_checked() {
        let parse = |line: &str| {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            GetOrLock::parse(&words[..], &Config::default())
                .map(|ask| (ask.lease_ms, ask.wait_ms, ask.early))
        };
        assert_eq!(parse("g k"), Ok((None, 0, None)));
        assert_eq!(
            parse("g k wait 0 early 1.5 lease 60000"),
            Ok((Some(60_000), 0, Some(1.5)))
        );
        let lease = Error::LeaseTime {
            what: "LEASE",
            most: 60_000,
        };
        let wait = Error::OutOfRange {
            what: "WAIT",
            least: 0,
            most: 300_000,
        };
        for (line, error) in [
            ("g k LEASE 0", lease),
            ("g k LEASE 60001", lease),
            ("g k WAIT 300001", wait),
            ("g k WAIT -1", wait),
            ("g k EARLY nan", Error::NotABeta),
            ("g k EARLY inf", Error::NotABeta),
            ("g k EARLY -1", Error::NotABeta),
            ("g k EARLY", Error::Syntax),
            ("g k WAITS 1", Error::Syntax),
        ] {
            assert_eq!(parse(line), Err(error), "{line}");
        }
    }
}
