//! What a caller is to do about a key: serve what is there, compute, or go on without the cache. The same
//! for tasks and for threads, which have leases `L` and tickets `K` of their own.

use std::time::Instant;

use bytes::Bytes;

use crate::codec::Decode;
use crate::computed::{Fetched, Source};
use crate::error::Error;
use crate::failure::{Failure, failure_of};
use crate::protocol::command::Token;
use crate::protocol::reply::Answer;
use crate::stats::{Event, Metrics};

/// What the server's answer comes to. It does not know the type of the value.
pub(crate) enum Turn<L, K> {
    /// Serve this.
    Serve { value: Bytes, source: Source },
    /// Compute a new value; this one can be served meanwhile.
    Refresh {
        value: Bytes,
        source: Source,
        lease: L,
    },
    /// Compute the value.
    Compute(L),
    /// The cache can't help.
    Bypass(Bypass<K>),
}

/// Why, and for whom else, a value is computed without the cache.
pub(crate) enum Bypass<K> {
    /// Redis does not answer: callers of this process who want the same share one computation.
    Unavailable(Option<K>),
    /// Somebody else's value did not come in time or could not be kept.
    Alone,
}

/// A turn whose value has been decoded.
pub(crate) enum Ready<T, L, K> {
    Serve(Fetched<T>),
    Refresh(Fetched<T>, L),
    Compute(L),
    Bypass(Bypass<K>),
}

/// What follows from an answer other than busy.
pub(crate) fn told<L, K>(
    answer: Answer,
    source: impl FnOnce(bool) -> Source,
    granted: impl FnOnce(Token) -> L,
) -> Turn<L, K> {
    match answer {
        Answer::Value {
            value,
            stale,
            token,
        } => {
            let source = source(stale);
            match token {
                Some(token) => Turn::Refresh {
                    value,
                    source,
                    lease: granted(token),
                },
                None => Turn::Serve { value, source },
            }
        }
        Answer::Miss(token) => Turn::Compute(granted(token)),
        Answer::Busy => Turn::Bypass(Bypass::Alone),
    }
}

/// Where a value comes from that is there.
pub(crate) fn kept(stale: bool) -> Source {
    if stale { Source::Stale } else { Source::Hit }
}

/// What follows from a question that has got no useful answer.
pub(crate) fn unanswered<L, K>(error: &Error, ticket: Option<K>) -> Turn<L, K> {
    Turn::Bypass(match failure_of(error) {
        Failure::OfServer => Bypass::Unavailable(ticket),
        // The server is there: who comes later may have heard of a change from it, and must not be
        // given what was read from the source before.
        Failure::OfCommand => Bypass::Alone,
    })
}

/// What a turn comes to, or the value to be removed that can't be decoded. Who goes on without the
/// cache has yet to be counted.
pub(crate) fn counted<T: Decode, L, K>(
    metrics: &Metrics,
    turn: Turn<L, K>,
    started: Instant,
) -> Result<Ready<T, L, K>, Bytes> {
    Ok(match turn {
        Turn::Serve { value, source } => match T::decode(value.clone()) {
            Ok(decoded) => Ready::Serve(metrics.served(decoded, source, started)),
            Err(_) => return Err(value),
        },
        Turn::Refresh {
            value,
            source,
            lease,
        } => match metrics.older(value, source, started) {
            Some(older) => Ready::Refresh(older, lease),
            None => Ready::Compute(lease),
        },
        Turn::Compute(lease) => {
            metrics.record(Event::Miss);
            Ready::Compute(lease)
        }
        Turn::Bypass(bypass) => Ready::Bypass(bypass),
    })
}
