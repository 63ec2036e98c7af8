//! The bytes in which an entry's metadata travels: in RDB files and in `DUMP` payloads.
//!
//! The value is not part of them, the server saves it as a string of its own. `docs/format.md`
//! describes the layout.
//!
//! The first byte names the version, and each version has its own file. A version is frozen once
//! it was released. What a later one has to add goes into a new file: [`encode`] writes the newest
//! version, [`decode`] reads all of them and turns the older ones into today's [`Meta`].
//!
//! Payloads may be hostile: nothing is allocated for what they only claim to contain, and whatever
//! decodes is in canonical form, so that encoding it again gives the same bytes.

mod error;
mod reader;
mod tags;
mod v1;

pub use error::DecodeError;
pub use tags::{MAX_TAGS, Tags};

use reader::Reader;

/// Times are accepted and written if they are less than this from 1970, in ms (about 285,000
/// years): sums and differences of any two cannot overflow.
pub const TIME_LIMIT_MS: i64 = 1 << 53;

/// The newest version, the one that is written.
const NEWEST: u8 = v1::VERSION;

/// What is saved of an entry beside its value. Times are unix times in ms.
///
/// `T` is the list of tags: [`Tags`] after decoding, to encode any list of byte strings will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta<T> {
    /// It has no value yet: it only stood for a lease, which is never saved.
    pub pending: bool,
    /// A tag of it had been invalidated when it was saved.
    pub dead: bool,
    /// When the value was stored.
    pub stored_ms: i64,
    /// When its tags count from: later than `stored_ms` if they were set afterwards.
    pub tagged_ms: i64,
    /// When it was first marked stale.
    pub mark_ms: Option<i64>,
    /// How long the value took to compute, in ms.
    pub compute_ms: Option<u32>,
    /// How long the value may be served after its TTL, in ms.
    pub grace_ms: u64,
    /// When the value ends (TTL and grace), where that is not simply the key's expiry.
    pub value_end_ms: Option<i64>,
    /// Until when a lease or backoff keeps the key, whatever becomes of its value.
    pub hold_ms: Option<i64>,
    /// Its tags, each once.
    pub tags: T,
}

/// Appends the newest version's form of `meta` to `out`.
///
/// Times outside the format's range are written as its nearest end. Tags must differ and be at
/// most [`MAX_TAGS`], or the result does not decode.
pub fn encode<T>(meta: &Meta<T>, out: &mut Vec<u8>)
where
    T: Copy + IntoIterator<Item: AsRef<[u8]>, IntoIter: ExactSizeIterator>,
{
    out.push(NEWEST);
    v1::encode(meta, out);
}

/// Reads the form of any version. The tags borrow from `bytes`.
///
/// # Errors
/// If the version is not known, or if the bytes are not exactly what its [`encode`] writes for some
/// `Meta`.
pub fn decode(bytes: &[u8]) -> Result<Meta<Tags<'_>>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let meta = match reader.byte()? {
        v1::VERSION => v1::decode(&mut reader)?,
        version => {
            return Err(DecodeError::UnknownVersion {
                version,
                newest: NEWEST,
            });
        }
    };
    reader.finish()?;
    Ok(meta)
}
