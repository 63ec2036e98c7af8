//! `CACHE.SET key value [NX | XX] [EX .. | PX .. | EXAT .. | PXAT .. | KEEPTTL] [GRACE .. | PGRACE ..]
//! [TOKEN token] [TAGS numtags tag [tag ...]]`

use super::{Call, Outcome, entry, look};
use crate::keyspace::{self, MODULE};
use crate::raw::ctx::{Ctx, now};
use crate::raw::key::{Held, Key, Mode};
use crate::raw::user::Access;
use crate::{acl, leases, replicate, state, waiters};
use larder_core::clock::Epoch;
use larder_core::command::apply::ApplySet;
use larder_core::command::set::{Condition, Set, Ttl};
use larder_core::config::Config;
use larder_core::entry::{Draft, Handle};
use larder_core::error::Error;
use larder_core::look::Look;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let config = call.config();
    let set = Set::parse(&call.argv, &config)?;
    acl::check_tags(call, Access::Write, set.tags.iter())?;
    let times = Times::of(&set, &config)?;
    let found = find(call, &set);
    let fill = match permitted(call.ctx, &set, found) {
        Permit::Yes { compute_ms } => compute_ms,
        Permit::No => {
            call.ctx.reply_null();
            return Ok(());
        }
        Permit::Refused { token } => return refuse(call, token),
    };
    write(call, &set, times.keeping(&set, found), fill)
}

/// When the value is fresh until and how long it may be served after that.
#[derive(Clone, Copy)]
struct Times {
    now_ms: i64,
    end_ms: Option<i64>,
    grace_ms: u64,
}

impl Times {
    fn of(set: &Set<'_>, config: &Config) -> Result<Self, Error> {
        let now_ms = now().unix_ms;
        let grace_ms = set.grace_ms.unwrap_or(0);
        let end_ms = match set.ttl.resolve(now_ms, config)? {
            Some(until) => Some(
                until
                    .checked_add_unsigned(grace_ms)
                    .ok_or(Error::InvalidExpire("cache.set"))?,
            ),
            None => None,
        };
        Ok(Self {
            now_ms,
            end_ms,
            grace_ms,
        })
    }

    /// With KEEPTTL, a fresh entry's end and grace stay.
    fn keeping(self, set: &Set<'_>, found: Found) -> Self {
        match found {
            Found::Entry(handle, look) if set.ttl == Ttl::Keep && look.is_fresh() => Self {
                end_ms: look.life.end_ms,
                grace_ms: entry(handle).header.grace_ms,
                ..self
            },
            _ => self,
        }
    }
}

/// What the key holds, where that makes a difference.
#[derive(Clone, Copy)]
enum Found {
    /// Nothing, or nobody asked.
    Nothing,
    /// An entry.
    Entry(Handle, Look),
    /// A value of another type, which is there, and overwritten as `SET` does.
    Other,
}

fn find(call: Call<'_>, set: &Set<'_>) -> Found {
    if set.condition.is_none() && set.ttl != Ttl::Keep {
        return Found::Nothing;
    }
    let key = call.ctx.open(call.key(), Mode::Peek);
    match key.held() {
        Held::Entry(handle) => Found::Entry(handle, look(call.ctx.db(), &key, handle)),
        Held::Nothing => Found::Nothing,
        Held::Other => Found::Other,
    }
}

enum Permit {
    /// Store; the compute time, if this is the fill of a lease.
    Yes { compute_ms: Option<u32> },
    /// NX, XX or the token forbid it.
    No,
    /// The lease is the key's, but a tag was invalidated meanwhile.
    Refused { token: u64 },
}

fn permitted(ctx: Ctx<'_>, set: &Set<'_>, found: Found) -> Permit {
    let present = match found {
        Found::Nothing => false,
        Found::Entry(_, look) => look.is_servable(),
        Found::Other => true,
    };
    match set.condition {
        Some(Condition::IfAbsent) if present => Permit::No,
        Some(Condition::IfPresent) if !present => Permit::No,
        Some(Condition::Token(token)) => fill(ctx, set, found, token),
        _ => Permit::Yes { compute_ms: None },
    }
}

fn fill(ctx: Ctx<'_>, set: &Set<'_>, found: Found, token: u64) -> Permit {
    let held = match found {
        Found::Entry(handle, look) if look.lease == Some(token) => Some(handle),
        _ => None,
    };
    state::with(|state| {
        let touched = set
            .tags
            .iter()
            .any(|tag| state.index(ctx.db()).touched_since(tag, Epoch(token)));
        let Some(handle) = held.filter(|_| !touched) else {
            state.count(None, set.key, |counters| counters.fills_refused += 1);
            return if held.is_some() {
                Permit::Refused { token }
            } else {
                Permit::No
            };
        };
        let granted = entry(handle)
            .header
            .rare
            .as_ref()
            .and_then(|rare| rare.lease.as_ref());
        let took = granted.map_or(0, |lease| now().mono_ms.saturating_sub(lease.granted_ms));
        let compute_ms = u32::try_from(took).unwrap_or(u32::MAX - 1);
        state.count(None, set.key, |counters| {
            counters.fills += 1;
            counters.compute.record(compute_ms);
        });
        Permit::Yes {
            compute_ms: Some(compute_ms),
        }
    })
}

/// Stores nothing, and ends the lease.
fn refuse(call: Call<'_>, token: u64) -> Outcome {
    leases::unlock(call.ctx, call.key(), token, None)?;
    waiters::settle_soon(call.ctx, call.key());
    call.ctx.reply_null();
    Ok(())
}

fn write(call: Call<'_>, set: &Set<'_>, times: Times, compute_ms: Option<u32>) -> Outcome {
    let (ctx, db) = (call.ctx, call.ctx.db());
    let key = ctx.open(call.key(), Mode::Write);
    if times.end_ms.is_some_and(|end| end < times.now_ms) {
        // Over before it began: as with SET, what was there is gone.
        count_stored(&key);
        if key.held() != Held::Nothing {
            keyspace::unlink(&key, ctx);
        }
    } else {
        let draft = Draft {
            key: set.key,
            value: Some(set.value),
            stored_ms: times.now_ms,
            tagged_ms: times.now_ms,
            grace_ms: times.grace_ms,
            compute_ms,
            ..Draft::default()
        };
        keyspace::store(db, &key, draft, set.tags.iter(), times.end_ms)?;
        count_stored(&key);
        replicate_set(call, set, times, compute_ms);
        ctx.notify(MODULE, c"cache.set", key.name());
    }
    drop(key);
    waiters::settle_soon(ctx, call.key());
    ctx.reply_ok();
    Ok(())
}

fn count_stored(key: &Key<'_>) {
    let stored = match key.held() {
        Held::Entry(handle) => Some(handle),
        Held::Nothing | Held::Other => None,
    };
    state::with(|state| state.count(stored, key.name().bytes(), |counters| counters.sets += 1));
}

fn replicate_set(call: Call<'_>, set: &Set<'_>, times: Times, compute_ms: Option<u32>) {
    let effect = ApplySet {
        key: set.key,
        value: set.value,
        stored_ms: times.now_ms,
        compute_ms,
        mark_ms: None,
        grace_ms: times.grace_ms,
        end_ms: times.end_ms,
        hold_ms: None,
        tags: set.tags.clone(),
    };
    replicate::set(call, &effect);
}
