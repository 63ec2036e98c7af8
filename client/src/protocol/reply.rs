//! Decoders of replies. RESP2 and RESP3 differ in maps and doubles only; both are understood.

use std::collections::BTreeMap;
#[cfg(feature = "near-cache")]
use std::time::Duration;

use bytes::Bytes;
use redis::Value;

use super::command::Token;
use crate::error::{Error, Result};

/// What `CACHE.GETORLOCK` has decided.
#[derive(Debug)]
pub(crate) enum Answer {
    /// There is a value. Who gets a token as well is to recompute it.
    Value {
        value: Bytes,
        stale: bool,
        token: Option<Token>,
    },
    /// There is none, and the caller is to compute it.
    Miss(Token),
    /// Somebody else is computing, or nobody is to for now.
    Busy,
}

/// What `CACHE.GET ... STALE WITHMETA` tells.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) value: Bytes,
    pub(crate) stale: bool,
    /// Fresh time left; `None` without end.
    #[cfg(feature = "near-cache")]
    pub(crate) ttl: Option<Duration>,
}

pub(crate) fn answer(reply: Value) -> Result<Answer> {
    const COMMAND: &str = "CACHE.GETORLOCK";
    let [status, value, token] = array(reply, COMMAND)?;
    let token = match token {
        Value::Nil => None,
        Value::Int(token) => Some(Token::try_from(token).map_err(|_| Error::Reply(COMMAND))?),
        _ => return Err(Error::Reply(COMMAND)),
    };
    match (text(&status), optional_bytes(value, COMMAND)?, token) {
        (Some(b"fresh"), Some(value), token) => Ok(Answer::Value {
            value,
            stale: false,
            token,
        }),
        (Some(b"stale"), Some(value), token) => Ok(Answer::Value {
            value,
            stale: true,
            token,
        }),
        (Some(b"miss"), None, Some(token)) => Ok(Answer::Miss(token)),
        (Some(b"busy"), None, None) => Ok(Answer::Busy),
        _ => Err(Error::Reply(COMMAND)),
    }
}

pub(crate) fn found(reply: Value) -> Result<Option<Found>> {
    const COMMAND: &str = "CACHE.GET";
    if matches!(reply, Value::Nil) {
        return Ok(None);
    }
    let [value, state, ttl, _age] = array(reply, COMMAND)?;
    let (Some(value), Value::Int(_ttl)) = (optional_bytes(value, COMMAND)?, ttl) else {
        return Err(Error::Reply(COMMAND));
    };
    Ok(Some(Found {
        value,
        stale: text(&state) == Some(b"stale"),
        #[cfg(feature = "near-cache")]
        ttl: u64::try_from(_ttl).ok().map(Duration::from_millis),
    }))
}

pub(crate) fn optional_bytes(reply: Value, command: &'static str) -> Result<Option<Bytes>> {
    match reply {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(Bytes::from(bytes))),
        _ => Err(Error::Reply(command)),
    }
}

pub(crate) fn many_bytes(reply: Value, command: &'static str) -> Result<Vec<Option<Bytes>>> {
    let Value::Array(items) = reply else {
        return Err(Error::Reply(command));
    };
    items
        .into_iter()
        .map(|item| optional_bytes(item, command))
        .collect()
}

/// The tags of a key that holds something.
#[cfg(feature = "near-cache")]
pub(crate) fn tags(reply: Value) -> Result<Option<Vec<Vec<u8>>>> {
    const COMMAND: &str = "CACHE.TAGS";
    let items = match reply {
        Value::Nil => return Ok(None),
        Value::Array(items) | Value::Set(items) => items,
        _ => return Err(Error::Reply(COMMAND)),
    };
    let tags = items.into_iter().map(|item| match item {
        Value::BulkString(tag) => Ok(tag),
        _ => Err(Error::Reply(COMMAND)),
    });
    tags.collect::<Result<_>>().map(Some)
}

pub(crate) fn count(reply: &Value, command: &'static str) -> Result<u64> {
    match reply {
        Value::Int(n) => u64::try_from(*n).map_err(|_| Error::Reply(command)),
        _ => Err(Error::Reply(command)),
    }
}

/// Whether a value was stored: `OK`, or nil where the token was no longer good.
pub(crate) fn stored(reply: &Value) -> Result<bool> {
    match reply {
        Value::Okay => Ok(true),
        Value::Nil => Ok(false),
        other if text(other) == Some(b"OK") => Ok(true),
        _ => Err(Error::Reply("CACHE.SET")),
    }
}

/// The cursor to go on with, 0 at the end, and the keys.
pub(crate) fn scanned(reply: Value) -> Result<(u64, Vec<Vec<u8>>)> {
    const COMMAND: &str = "SCAN";
    let [cursor, keys] = array(reply, COMMAND)?;
    let cursor = text(&cursor).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let (Some(cursor), Value::Array(keys)) = (cursor, keys) else {
        return Err(Error::Reply(COMMAND));
    };
    let keys = keys.into_iter().map(|key| match key {
        Value::BulkString(key) => Ok(key),
        _ => Err(Error::Reply(COMMAND)),
    });
    Ok((cursor, keys.collect::<Result<_>>()?))
}

/// A map of numbers: a map in RESP3, names and values in turn in RESP2.
pub(crate) fn numbers(reply: Value, command: &'static str) -> Result<BTreeMap<String, f64>> {
    let pairs: Vec<(Value, Value)> = match reply {
        Value::Map(pairs) => pairs,
        Value::Array(items) => in_pairs(items),
        _ => return Err(Error::Reply(command)),
    };
    let entry = |(name, value): (Value, Value)| {
        let name = String::from_utf8_lossy(text(&name)?).into_owned();
        Some((name, number(&value)?))
    };
    pairs
        .into_iter()
        .map(|pair| entry(pair).ok_or(Error::Reply(command)))
        .collect()
}

fn in_pairs(items: Vec<Value>) -> Vec<(Value, Value)> {
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(name), Some(value)) = (items.next(), items.next()) {
        pairs.push((name, value));
    }
    pairs
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counters beyond 2^53 are far away"
)]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::Double(n) => Some(*n),
        other => std::str::from_utf8(text(other)?).ok()?.parse().ok(),
    }
}

fn array<const N: usize>(reply: Value, command: &'static str) -> Result<[Value; N]> {
    match reply {
        Value::Array(items) => items.try_into().map_err(|_| Error::Reply(command)),
        _ => Err(Error::Reply(command)),
    }
}

fn text(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}
