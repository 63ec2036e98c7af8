//! The effects by which writes reach replicas and the AOF. All times are absolute, and neither
//! defaults nor limits play a part: what is applied was accepted once.
//!
//! ```text
//! CACHE.APPLYSET key value stored-ms compute-ms mark-ms grace-ms end-ms hold-ms numtags [tag ...]
//! CACHE.APPLYTAGS key [tag ...]
//! CACHE.APPLYINVALIDATE at-ms tag [tag ...]
//! CACHE.APPLYMARKSTALE at-ms tag [tag ...]
//! ```
//! Times are unix times in ms, -1 stands for none.

use super::invalidate::Touch;
use super::{Encoded, Tags};
use crate::args::{Args, Argv};
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
        let mut args = Args::new(argv, "cache.applyset", -10)?;
        let mut effect = Self {
            key: args.bytes()?,
            value: args.bytes()?,
            stored_ms: args.integer()?,
            compute_ms: optional(&mut args)?
                .map(|ms| u32::try_from(ms).map_err(|_| Error::NotAnInteger))
                .transpose()?,
            mark_ms: optional(&mut args)?,
            grace_ms: u64::try_from(args.integer()?).map_err(|_| Error::NotAnInteger)?,
            end_ms: optional(&mut args)?,
            hold_ms: optional(&mut args)?,
            tags: Tags::default(),
        };
        let count = usize::try_from(args.integer()?).map_err(|_| Error::InvalidTagCount)?;
        if count != args.left() {
            return Err(Error::InvalidTagCount);
        }
        effect.tags = Tags::accepted(&mut args, count)?;
        Ok(effect)
    }

    /// The arguments behind key and value.
    #[must_use]
    pub fn details(&self) -> Vec<Vec<u8>> {
        let or_none = |ms: Option<i64>| ms.unwrap_or(-1);
        let numbers = [
            self.stored_ms,
            or_none(self.compute_ms.map(i64::from)),
            or_none(self.mark_ms),
            self.grace_ms.cast_signed(),
            or_none(self.end_ms),
            or_none(self.hold_ms),
            i64::try_from(self.tags.len()).unwrap_or(i64::MAX),
        ];
        let numbers = numbers.iter().map(|number| number.to_string().into_bytes());
        numbers
            .chain(self.tags.iter().map(<[u8]>::to_vec))
            .collect()
    }

    /// What a primary writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new("CACHE.APPLYSET")
            .arg(self.key)
            .arg(self.value)
            .args(self.details())
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
        let key = args.bytes()?;
        let count = args.left();
        Ok(Self {
            key,
            tags: Tags::accepted(&mut args, count)?,
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
        let at_ms = args.integer()?;
        let count = args.left();
        Ok(Self {
            touch,
            at_ms,
            tags: Tags::accepted(&mut args, count)?,
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

fn optional<A: Argv + ?Sized>(args: &mut Args<'_, A>) -> Result<Option<i64>, Error> {
    match args.integer()? {
        -1 => Ok(None),
        value if value >= 0 => Ok(Some(value)),
        _ => Err(Error::NotAnInteger),
    }
}
