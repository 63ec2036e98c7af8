//! What can be wrong with a payload.

use super::MAX_TAGS;
use std::error::Error;
use std::fmt;

/// Why bytes are not an entry's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Written by a newer release, or not by Larder at all.
    UnknownVersion {
        /// The version the bytes name.
        version: u8,
        /// The newest version known here.
        newest: u8,
    },
    /// The bytes end too early.
    Truncated,
    /// So many bytes follow the end.
    TrailingBytes(usize),
    /// Flag bits that mean nothing in this version.
    UnknownFlags(u8),
    /// A number that is written longer than necessary or does not fit its type.
    BadNumber,
    /// A time beyond [`TIME_LIMIT_MS`](super::TIME_LIMIT_MS).
    TimeOutOfRange,
    /// More than [`MAX_TAGS`] tags.
    TooManyTags(u64),
    /// A tag is there twice.
    DuplicateTag,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cache entry: ")?;
        match self {
            Self::UnknownVersion { version, newest } => {
                write!(
                    f,
                    "format version {version} is not known, the newest known is {newest}: \
                     it takes the release that wrote it"
                )
            }
            Self::Truncated => write!(f, "metadata ends too early"),
            Self::TrailingBytes(n) => write!(f, "{n} bytes after the end of the metadata"),
            Self::UnknownFlags(bits) => write!(f, "unknown flags {bits:#04x}"),
            Self::BadNumber => write!(f, "a number is not in its shortest form or too large"),
            Self::TimeOutOfRange => write!(f, "a time is out of range"),
            Self::TooManyTags(n) => write!(f, "{n} tags, more than {MAX_TAGS}"),
            Self::DuplicateTag => write!(f, "a tag is there twice"),
        }
    }
}

impl Error for DecodeError {}
