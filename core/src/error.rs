//! Every error a command can answer, with the text of the reply.
//!
//! Where Redis has a wording, it is used, so that clients recognise it.

use std::fmt;

/// An error reply. Displays as the whole line, its prefix included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Too few or too many arguments for the command of that name.
    Arity(&'static str),
    /// Unknown, repeated or contradicting options, or an option without its argument.
    Syntax,
    /// Not a 64-bit integer.
    NotAnInteger,
    /// Not a finite number of at least 0.
    NotABeta,
    /// A time to live that is not positive or too far away, in the command of that name.
    InvalidExpire(&'static str),
    /// A grace for an entry that has no end.
    GraceWithoutTtl,
    /// A number outside its range.
    OutOfRange {
        /// The argument.
        what: &'static str,
        /// The least allowed.
        least: u64,
        /// The most allowed.
        most: u64,
    },
    /// A lease or backoff that is not positive or longer than `cache.max-lease-time`, which is given.
    LeaseTime {
        /// The argument.
        what: &'static str,
        /// The most allowed, ms.
        most: u64,
    },
    /// Not a token this server can have given out.
    InvalidToken,
    /// Not a cursor.
    InvalidCursor,
    /// `numtags` is negative or not the number of tags that follow.
    InvalidTagCount,
    /// More tags than `cache.max-tags-per-entry`, which is given.
    TooManyTags(usize),
    /// A tag longer than `cache.max-tag-length`, which is given.
    TagTooLong(usize),
    /// A key or value of more than 4 GiB, or more than 65,535 tags.
    TooLarge,
    /// The key holds a value of another type.
    WrongType,
    /// A replica, which grants no leases.
    ReadOnly,
    /// The caller waited for a lease at a primary that has become a replica.
    Unblocked,
    /// Memory is full, and nothing may be evicted.
    OutOfMemory,
    /// The user may not touch a tag.
    NoTagPermission,
    /// The user may not see keys of a prefix, or has lost his right to a key while he waited.
    NoKeyPermission,
    /// Larder has a bug.
    Internal,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arity(command) => write!(f, "ERR wrong number of arguments for '{command}' command"),
            Self::Syntax => f.write_str("ERR syntax error"),
            Self::NotAnInteger => f.write_str("ERR value is not an integer or out of range"),
            Self::NotABeta => f.write_str("ERR beta must be a finite number of at least 0"),
            Self::InvalidExpire(command) => write!(f, "ERR invalid expire time in '{command}' command"),
            Self::GraceWithoutTtl => f.write_str("ERR GRACE needs a TTL: give EX, PX, EXAT or PXAT, or set cache.default-ttl"),
            Self::OutOfRange { what, least, most } => write!(f, "ERR {what} must be between {least} and {most} ms"),
            Self::LeaseTime { what, most } => write!(
                f,
                "ERR {what} must be between 1 and {most} ms (cache.max-lease-time)"
            ),
            Self::InvalidToken => f.write_str("ERR invalid token: it must be a positive integer below 2^53"),
            Self::InvalidCursor => f.write_str("ERR invalid cursor"),
            Self::InvalidTagCount => f.write_str("ERR numtags should be the number of tags that follow"),
            Self::TooManyTags(most) => write!(f, "ERR too many tags: cache.max-tags-per-entry is {most}"),
            Self::TagTooLong(most) => write!(f, "ERR tag too long: cache.max-tag-length is {most} bytes"),
            Self::TooLarge => f.write_str("ERR key or value is larger than 4 GiB, or there are more than 65535 tags"),
            Self::WrongType => f.write_str("WRONGTYPE Operation against a key holding the wrong kind of value"),
            Self::ReadOnly => f.write_str("READONLY You can't write against a read only replica."),
            Self::Unblocked => f.write_str("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"),
            Self::OutOfMemory => f.write_str("OOM command not allowed when used memory > 'maxmemory'."),
            Self::NoTagPermission => f.write_str("NOPERM No permissions to access a tag"),
            Self::NoKeyPermission => f.write_str("NOPERM No permissions to access a key"),
            Self::Internal => f.write_str("ERR internal error in the cache module: all tagged entries were declared dead, please report it"),
        }
    }
}

impl std::error::Error for Error {}
