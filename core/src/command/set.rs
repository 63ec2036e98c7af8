//! `CACHE.SET key value [NX | XX] [EX s | PX ms | EXAT unix-s | PXAT unix-ms | KEEPTTL]
//! [GRACE s | PGRACE ms] [TOKEN token] [TAGS numtags tag [tag ...]]`

use super::{Choice, Encoded, Tags};
use crate::args::{Args, Argv};
use crate::config::Config;
use crate::error::Error;

const NAME: &str = "cache.set";

/// Stores a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Whether to store it at all.
    pub condition: Option<Condition>,
    /// How long it is fresh.
    pub ttl: Ttl,
    /// How long it may be served after that, ms.
    pub grace_ms: Option<u64>,
    /// Its tags.
    pub tags: Tags<'a>,
}

/// When to store a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Only where nothing can be served.
    IfAbsent,
    /// Only where something can be served.
    IfPresent,
    /// Only under the lease of that token.
    Token(u64),
}

/// How long a value is fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ttl {
    /// As `cache.default-ttl` says.
    #[default]
    Default,
    /// That many ms from now.
    In(i64),
    /// Until that unix time in ms.
    At(i64),
    /// As long as the value it replaces, grace included; if that is not fresh, as by default.
    Keep,
}

impl Ttl {
    /// Until when the value is fresh, unix ms; `None`: without end. A TTL to be kept is taken as
    /// the default.
    ///
    /// # Errors
    /// If that is too far away.
    pub fn resolve(self, now_ms: i64, config: &Config) -> Result<Option<i64>, Error> {
        let length = match self {
            Self::At(ms) => return Ok(Some(ms)),
            Self::In(ms) => ms,
            Self::Default | Self::Keep if config.default_ttl_ms == 0 => return Ok(None),
            Self::Default | Self::Keep => config.default_ttl_ms.cast_signed(),
        };
        now_ms
            .checked_add(length)
            .map(Some)
            .ok_or(Error::InvalidExpire(NAME))
    }
}

impl<'a> Set<'a> {
    /// What the server reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A, config: &Config) -> Result<Self, Error> {
        let mut args = Args::new(argv, NAME, -3)?;
        let (key, value) = (args.bytes()?, args.bytes()?);
        let (mut condition, mut ttl, mut grace) = (Choice(None), Choice(None), Choice(None));
        let mut tags = None;
        while let Some(option) = args.keyword() {
            match option.name() {
                b"NX" => condition.take(option, Condition::IfAbsent)?,
                b"XX" => condition.take(option, Condition::IfPresent)?,
                b"TOKEN" => condition.take(option, Condition::Token(args.token()?))?,
                b"EX" => ttl.take(option, Ttl::In(args.expiry(1_000)?))?,
                b"PX" => ttl.take(option, Ttl::In(args.expiry(1)?))?,
                b"EXAT" => ttl.take(option, Ttl::At(args.expiry(1_000)?))?,
                b"PXAT" => ttl.take(option, Ttl::At(args.expiry(1)?))?,
                b"KEEPTTL" => ttl.take(option, Ttl::Keep)?,
                b"GRACE" => grace.take(option, args.expiry(1_000)?.cast_unsigned())?,
                b"PGRACE" => grace.take(option, args.expiry(1)?.cast_unsigned())?,
                // A second list would take the place of the first, tags and all.
                b"TAGS" if tags.is_none() => tags = Some(tag_list(&mut args, config)?),
                _ => return Err(Error::Syntax),
            }
        }
        let (ttl, grace) = (ttl.chosen().unwrap_or_default(), grace.chosen());
        check_grace(grace, ttl, config)?;
        Ok(Self {
            key,
            value,
            condition: condition.chosen(),
            ttl,
            grace_ms: grace,
            tags: tags.unwrap_or_default(),
        })
    }

    /// What a client writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let call = Encoded::new("CACHE.SET").arg(self.key).arg(self.value);
        let call = match self.condition {
            None => call,
            Some(Condition::IfAbsent) => call.arg("NX"),
            Some(Condition::IfPresent) => call.arg("XX"),
            Some(Condition::Token(token)) => call.option("TOKEN", Some(token)),
        };
        let call = match self.ttl {
            Ttl::Default => call,
            Ttl::In(ms) => call.option("PX", Some(ms)),
            Ttl::At(ms) => call.option("PXAT", Some(ms)),
            Ttl::Keep => call.arg("KEEPTTL"),
        };
        let call = call.option("PGRACE", self.grace_ms);
        if self.tags.is_empty() {
            call
        } else {
            call.option("TAGS", Some(self.tags.len()))
                .args(self.tags.iter())
        }
    }
}

fn tag_list<'a, A: Argv + ?Sized>(
    args: &mut Args<'a, A>,
    config: &Config,
) -> Result<Tags<'a>, Error> {
    let count = args.integer()?;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= args.left())
        .ok_or(Error::InvalidTagCount)?;
    Tags::of_entry(args, count, config)
}

/// A kept TTL keeps its own grace; without an end there is nothing for a grace to follow.
fn check_grace(grace: Option<u64>, ttl: Ttl, config: &Config) -> Result<(), Error> {
    match ttl {
        _ if grace.is_none() => Ok(()),
        Ttl::Keep => Err(Error::Syntax),
        Ttl::Default if config.default_ttl_ms == 0 => Err(Error::GraceWithoutTtl),
        Ttl::Default | Ttl::In(_) | Ttl::At(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(), Error> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        Set::parse(&words[..], &Config::default()).map(drop)
    }

    #[test]
    fn options_come_in_any_order_and_case() {
        let words = |line: &'static str| line.split(' ').map(str::as_bytes).collect::<Vec<_>>();
        let words = [
            words("cache.set k v TAGS 2 ex NX Grace 3 ex 5 nx"),
            words("cache.set k v NX PX 5000 PGRACE 3000 tags 2 ex NX"),
        ];
        let [one, other] = words
            .each_ref()
            .map(|words| Set::parse(&words[..], &Config::default()).unwrap());
        assert_eq!(one, other);
        assert_eq!(
            (one.ttl, one.grace_ms, one.tags.len()),
            (Ttl::In(5_000), Some(3_000), 2)
        );
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let lines = [
            ("k", Error::Arity(NAME)),
            ("k v NX XX", Error::Syntax),
            ("k v NX TOKEN 5", Error::Syntax),
            ("k v TOKEN 5 XX", Error::Syntax),
            ("k v EX 5 PX 5", Error::Syntax),
            ("k v EX 5 KEEPTTL", Error::Syntax),
            ("k v KEEPTTL GRACE 5", Error::Syntax),
            ("k v EX 5 GRACE 5 PGRACE 5", Error::Syntax),
            ("k v TAGS 1 a TAGS 1 b", Error::Syntax),
            ("k v EX", Error::Syntax),
            ("k v nonsense", Error::Syntax),
            ("k v GRACE 5", Error::GraceWithoutTtl),
            ("k v EX 0", Error::InvalidExpire(NAME)),
            ("k v EX -5", Error::InvalidExpire(NAME)),
            ("k v EX 9223372036854775807", Error::InvalidExpire(NAME)),
            ("k v EX 5 GRACE 0", Error::InvalidExpire(NAME)),
            ("k v EX 1.5", Error::NotAnInteger),
            ("k v TOKEN 0", Error::InvalidToken),
            ("k v TOKEN 9007199254740992", Error::InvalidToken),
            ("k v TAGS x", Error::NotAnInteger),
            ("k v TAGS -1", Error::InvalidTagCount),
            ("k v TAGS 3 a b", Error::InvalidTagCount),
            ("k v TAGS 9223372036854775807 a", Error::InvalidTagCount),
        ];
        for (line, error) in lines {
            assert_eq!(parse(&format!("cache.set {line}")), Err(error), "{line}");
        }
    }

    #[test]
    fn a_default_ttl_gives_a_grace_something_to_follow() {
        let config = Config {
            default_ttl_ms: 70,
            ..Config::default()
        };
        let words: Vec<&[u8]> = "cache.set k v PGRACE 5"
            .split(' ')
            .map(str::as_bytes)
            .collect();
        let set = Set::parse(&words[..], &config).unwrap();
        assert_eq!(
            (set.ttl.resolve(1_000, &config), set.grace_ms),
            (Ok(Some(1_070)), Some(5))
        );
        assert_eq!(
            Ttl::In(i64::MAX).resolve(1, &config),
            Err(Error::InvalidExpire(NAME))
        );
    }
}
