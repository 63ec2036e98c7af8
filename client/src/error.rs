//! What can go wrong between an application and its cache.

use std::time::Duration;

use crate::invalidated::Invalidated;

/// Why a call did not do what it was asked to.
///
/// [`Cache::get_or_compute`](crate::Cache::get_or_compute) and its relatives never return it: they
/// answer from the source instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Redis answered with an error, or the connection failed.
    #[error(transparent)]
    Redis(#[from] redis::RedisError),

    /// No answer within the time for an operation.
    #[error("Redis did not answer within {0:?}")]
    Timeout(Duration),

    /// Redis failed several times in a row and is left alone until a probe succeeds.
    #[error("Redis is not asked: it failed several times in a row")]
    Unavailable,

    /// Redis answered something that this command never answers.
    #[error("unexpected reply to {0}")]
    Reply(&'static str),

    /// The value could not be brought into the form in which it is stored.
    #[error("the value cannot be stored: {0}")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// What is stored is not a value of the type that was asked for.
    #[error("what is stored is not a value of this type: {0}")]
    Decode(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// Arguments that no key can be made of.
    #[error("no key can be made of these arguments: {0}")]
    Key(String),

    /// Not every primary of the cluster has confirmed: entries on the others may still be served.
    #[error("only {} of {} primaries have confirmed the invalidation", .0.reached, .0.expected)]
    Partial(Invalidated),

    /// The builder was given something it cannot work with.
    #[error("{0}")]
    Config(String),
}

/// What most functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
