//! The effects by which writes reach replicas and the AOF. All times are absolute, and neither
//! defaults nor limits play a part: what is applied was accepted once.
//!
//! ```text
//! CACHE.APPLYSET key value stored-ms,compute-ms,mark-ms,grace-ms,end-ms,hold-ms [tag ...]
//! CACHE.APPLYTAGS key [tag ...]
//! CACHE.APPLYINVALIDATE at-ms tag [tag ...]
//! CACHE.APPLYMARKSTALE at-ms tag [tag ...]
//! ```
//! Times are unix times in ms. Those of an entry are one argument, since each argument costs every
//! replica and the AOF some; what stands between two commas may be missing.

use super::invalidate::Touch;
use super::{Encoded, Tags};
use crate::args::{Args, Argv, integer};
use crate::error::Error;

/// An entry was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplySet<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// When it was stored.
    pub stored_ms: i64,
    /// How long it took to compute.
    pub compute_ms: Option<u32>,
    /// When it was first marked stale.
    pub mark_ms: Option<i64>,
    /// How long it may be served after its TTL; 0: not at all.
    pub grace_ms: u64,
    /// When TTL and grace are over.
    pub end_ms: Option<i64>,
    /// Until when the key outlives its value because of a lease.
    pub hold_ms: Option<i64>,
    /// Its tags.
    pub tags: Tags<'a>,
}

impl<'a> ApplySet<'a> {
    /// What a replica reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.applyset", -4)?;
        let (key, value) = (args.bytes()?, args.bytes()?);
        let mut times = args.bytes()?.split(|byte| *byte == b',');
        let mut next = || time(times.next().ok_or(Error::Syntax)?);
        let effect = Self {
            key,
            value,
            stored_ms: next()?.unwrap_or(0),
            compute_ms: narrow(next()?)?,
            mark_ms: next()?,
            grace_ms: narrow(next()?)?.unwrap_or(0),
            end_ms: next()?,
            hold_ms: next()?,
            tags: Tags::named(&mut args)?,
        };
        match times.next() {
            None => Ok(effect),
            Some(_) => Err(Error::Syntax),
        }
    }

    /// The argument behind key and value; the tags come after it.
    #[must_use]
    pub fn times(&self) -> Vec<u8> {
        let grace_ms = i64::try_from(self.grace_ms).unwrap_or(i64::MAX);
        let times = [
            Some(self.stored_ms),
            self.compute_ms.map(i64::from),
            self.mark_ms,
            Some(grace_ms).filter(|grace| *grace > 0),
            self.end_ms,
            self.hold_ms,
        ];
        let mut argument = Vec::with_capacity(64);
        let mut digits = itoa::Buffer::new();
        for time in times {
            argument.extend(time.map_or(&[][..], |ms| digits.format(ms).as_bytes()));
            argument.push(b',');
        }
        argument.pop();
        argument
    }

    /// What a primary writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.APPLYSET")
            .arg(self.key)
            .arg(self.value)
            .arg(self.times())
            .args(self.tags.iter())
    }
}

/// An entry was given other tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyTags<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its tags from then on.
    pub tags: Tags<'a>,
}

impl<'a> ApplyTags<'a> {
    /// What a replica reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A) -> Result<Self, Error> {
        let mut args = Args::new(argv, "cache.applytags", -2)?;
        Ok(Self {
            key: args.bytes()?,
            tags: Tags::named(&mut args)?,
        })
    }

    /// What a primary writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.APPLYTAGS")
            .arg(self.key)
            .args(self.tags.iter())
    }
}

/// Tags were invalidated, or marked stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyTouch<'a> {
    /// Which of the two.
    pub touch: Touch,
    /// When.
    pub at_ms: i64,
    /// The tags.
    pub tags: Tags<'a>,
}

impl<'a> ApplyTouch<'a> {
    /// What a replica reads.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse<A: Argv + ?Sized>(argv: &'a A, touch: Touch) -> Result<Self, Error> {
        let name = match touch {
            Touch::Invalidate => "cache.applyinvalidate",
            Touch::MarkStale => "cache.applymarkstale",
        };
        let mut args = Args::new(argv, name, -3)?;
        Ok(Self {
            touch,
            at_ms: args.integer()?,
            tags: Tags::named(&mut args)?,
        })
    }

    /// What a primary writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let name = match self.touch {
            Touch::Invalidate => "CACHE.APPLYINVALIDATE",
            Touch::MarkStale => "CACHE.APPLYMARKSTALE",
        };
        Encoded::new(name).number(self.at_ms).args(self.tags.iter())
    }
}

/// One of the times between commas.
fn time(text: &[u8]) -> Result<Option<i64>, Error> {
    match text {
        b"" => Ok(None),
        text => integer(text).map(Some),
    }
}

fn narrow<T: TryFrom<i64>>(ms: Option<i64>) -> Result<Option<T>, Error> {
    ms.map(|ms| T::try_from(ms).map_err(|_| Error::NotAnInteger))
        .transpose()
}
