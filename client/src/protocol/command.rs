//! Builders of commands.

use std::time::Duration;

use redis::{Cmd, cmd};

/// A lease's number: what a fill has to show.
pub(crate) type Token = u64;

/// Deletes a key only if it still holds what was read from it.
const DELETE_IF_SAME: &str = "if redis.call('CACHE.GET', KEYS[1], 'STALE') == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end return 0";

/// How `CACHE.SET` is to store a value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Storing<'a> {
    /// `None`: without end.
    pub(crate) ttl: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    pub(crate) token: Option<Token>,
    pub(crate) tags: &'a [String],
}

/// What a caller of `CACHE.GETORLOCK` asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asking {
    pub(crate) lease: Option<Duration>,
    pub(crate) wait: Option<Duration>,
    pub(crate) early: Option<f64>,
    /// A stale value won't do.
    pub(crate) fresh: bool,
}

/// Milliseconds as Redis takes them: never 0, which it would refuse.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX >> 1)
        .max(1)
}

pub(crate) fn get(key: &str) -> Cmd {
    keyed("CACHE.GET", key)
}

/// The same for a caller who goes on to ask for a lease: the server counts only what it finds.
#[cfg(feature = "tokio")]
pub(crate) fn get_first(key: &str) -> Cmd {
    let mut command = get(key);
    command.arg("NOMISS");
    command
}

/// Fresh or stale, with its state and times.
pub(crate) fn lookup(key: &str) -> Cmd {
    let mut command = keyed("CACHE.GET", key);
    command.arg("STALE").arg("WITHMETA");
    command
}

/// A fresh value with its times.
#[cfg(feature = "near-cache")]
pub(crate) fn get_timed(key: &str) -> Cmd {
    let mut command = get(key);
    command.arg("WITHMETA");
    command
}

/// The same for a caller who goes on to ask for a lease.
#[cfg(feature = "near-cache")]
pub(crate) fn get_timed_first(key: &str) -> Cmd {
    let mut command = get_timed(key);
    command.arg("NOMISS");
    command
}

pub(crate) fn get_and_touch(key: &str, ttl: Duration) -> Cmd {
    let mut command = keyed("CACHE.GETEX", key);
    command.arg("PX").arg(millis(ttl));
    command
}

pub(crate) fn get_many(keys: &[String]) -> Cmd {
    let mut command = cmd("CACHE.MGET");
    command.arg(keys);
    command
}

pub(crate) fn exists(key: &str) -> Cmd {
    keyed("CACHE.EXISTS", key)
}

#[cfg(feature = "near-cache")]
pub(crate) fn tags(key: &str) -> Cmd {
    keyed("CACHE.TAGS", key)
}

pub(crate) fn set(key: &str, value: &[u8], storing: &Storing<'_>) -> Cmd {
    let mut command = keyed("CACHE.SET", key);
    command.arg(value);
    if let Some(ttl) = storing.ttl {
        command.arg("PX").arg(millis(ttl));
        if let Some(grace) = storing.grace {
            command.arg("PGRACE").arg(millis(grace));
        }
    }
    if let Some(token) = storing.token {
        command.arg("TOKEN").arg(token);
    }
    if !storing.tags.is_empty() {
        command
            .arg("TAGS")
            .arg(storing.tags.len())
            .arg(storing.tags);
    }
    command
}

/// Always `BOUND`: if this process dies, the next caller need not wait for the lease to run out.
pub(crate) fn get_or_lock(key: &str, asking: &Asking) -> Cmd {
    let mut command = keyed("CACHE.GETORLOCK", key);
    command.arg("BOUND");
    if let Some(lease) = asking.lease {
        command.arg("LEASE").arg(millis(lease));
    }
    if let Some(wait) = asking.wait {
        command.arg("WAIT").arg(millis(wait));
    }
    if let Some(beta) = asking.early {
        command.arg("EARLY").arg(beta);
    }
    if asking.fresh {
        command.arg("FRESH");
    }
    command
}

pub(crate) fn renew(key: &str, token: Token, lease: Duration) -> Cmd {
    let mut command = keyed("CACHE.RENEW", key);
    command.arg(token).arg(millis(lease));
    command
}

pub(crate) fn unlock(key: &str, token: Token, backoff: Option<Duration>) -> Cmd {
    let mut command = keyed("CACHE.UNLOCK", key);
    command.arg(token);
    if let Some(backoff) = backoff {
        command.arg("BACKOFF").arg(millis(backoff));
    }
    command
}

pub(crate) fn unlink<K: AsRef<[u8]>>(keys: &[K]) -> Cmd {
    let mut command = cmd("UNLINK");
    for key in keys {
        command.arg(key.as_ref());
    }
    command
}

pub(crate) fn delete_if_same(key: &str, value: &[u8]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(DELETE_IF_SAME).arg(1).arg(key).arg(value);
    command
}

pub(crate) fn invalidate(tags: &[String]) -> Cmd {
    let mut command = cmd("CACHE.INVALIDATE");
    command.arg(tags);
    command
}

pub(crate) fn mark_stale(tags: &[String]) -> Cmd {
    let mut command = cmd("CACHE.MARKSTALE");
    command.arg(tags);
    command
}

pub(crate) fn scan(cursor: u64, glob: &str, count: usize) -> Cmd {
    let mut command = cmd("SCAN");
    command
        .arg(cursor)
        .arg("MATCH")
        .arg(glob)
        .arg("COUNT")
        .arg(count);
    command
}

pub(crate) fn server_stats() -> Cmd {
    cmd("CACHE.STATS")
}

fn keyed(name: &str, key: &str) -> Cmd {
    let mut command = cmd(name);
    command.arg(key);
    command
}
