//! Granting, extending and ending leases.

use crate::keyspace;
use crate::raw::block::Heap;
use crate::raw::ctx::{Ctx, now};
use crate::raw::key::{Held, Key, Mode};
use crate::raw::string::Str;
use crate::waiters::Given;
use crate::{replicate, state};
use larder_core::clock::Now;
use larder_core::entry::{Arena, Draft, Handle, Hold, Rare};
use larder_core::error::Error;
use larder_core::lease::{Backoff, Lease};
use larder_core::look::Look;

/// On what terms a lease is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How long it is to last, ms.
    pub(crate) lease_ms: u64,
    /// The connection it ends with, if any.
    pub(crate) client: Option<u64>,
}

/// Grants a lease on a key of the selected database, which is as `look` says, and returns its token.
///
/// # Errors
/// Out of memory, where a placeholder would have to be made.
pub(crate) fn grant(ctx: Ctx<'_>, name: Str<'_>, look: Look, terms: Terms) -> Result<u64, Error> {
    let (db, now) = (ctx.db(), now());
    if !look.is_servable() && ctx.denies_memory(name) {
        return Err(Error::OutOfMemory);
    }
    let lease = state::with(|state| Lease {
        token: state.stamp().epoch.0,
        granted_ms: now.mono_ms,
        deadline_ms: now.mono_ms + terms.lease_ms,
        client: terms.client,
        era: state.index(db).era(),
    });
    let (token, deadline) = (lease.token, lease.deadline_ms);
    let until = end_ms(now, terms.lease_ms);
    // A value that has expired since it was looked at is no place for a lease.
    if !look.is_servable() || !put_on_value(ctx, name, lease.clone(), until) {
        put_placeholder(ctx, name, lease, until)?;
    }
    state::with(|state| {
        let realm = state.index(db).realm();
        state.leases.note(token, deadline, realm);
        if let Some(client) = terms.client {
            let place = (db, name.bytes().into());
            state.bind(client, Given { place, token });
        }
        state.count(None, name.bytes(), |counters| counters.leases_granted += 1);
    });
    Ok(token)
}

/// The expiry of a key that is to be there for `ms` from now: a key is gone once its expiry is in
/// the past, so the last millisecond is its own.
fn end_ms(now: Now, ms: u64) -> i64 {
    now.unix_ms.saturating_add_unsigned(ms).saturating_sub(1)
}

fn put_on_value(ctx: Ctx<'_>, name: Str<'_>, lease: Lease, until_ms: i64) -> bool {
    let key = ctx.open(name, Mode::Peek);
    let Held::Entry(handle) = key.held() else {
        return false;
    };
    // The last one has run out, or this one would not be granted.
    state::with(|state| state.end_lease(handle));
    Heap.entry_mut(handle).header.rare_mut().lease = Some(lease);
    let end = key.end_ms();
    drop(key);
    if end.is_some_and(|end| end < until_ms) {
        let key = ctx.open(name, Mode::Write);
        // Opened to be changed, a key may turn out to have expired just now.
        if key.held() != Held::Entry(handle) {
            return false;
        }
        outlive(&key, until_ms);
    }
    true
}

fn put_placeholder(ctx: Ctx<'_>, name: Str<'_>, lease: Lease, until_ms: i64) -> Result<(), Error> {
    let key = ctx.open(name, Mode::Write);
    let replaced = match key.held() {
        Held::Entry(handle) => !Heap.entry(handle).header.is_pending(),
        Held::Nothing | Held::Other => false,
    };
    let rare = Rare {
        lease: Some(lease),
        ..Rare::default()
    };
    hold_place(ctx, &key, rare, until_ms)?;
    if replaced {
        // Replicas don't have the placeholder, and must not keep what it replaced.
        replicate::unlink(ctx, name);
    }
    Ok(())
}

/// Makes a placeholder a key's value.
fn hold_place(ctx: Ctx<'_>, key: &Key<'_>, rare: Rare, until_ms: i64) -> Result<(), Error> {
    let draft = Draft {
        key: key.name().bytes(),
        rare,
        ..Draft::default()
    };
    keyspace::store(ctx.db(), key, draft, std::iter::empty(), Some(until_ms))
}

/// Makes a key exist until `until_ms` at least, while its value ends when it did.
pub(crate) fn outlive(key: &Key<'_>, until_ms: i64) {
    let Held::Entry(handle) = key.held() else {
        return;
    };
    if is_hollow(handle) {
        return key.set_end_ms(Some(until_ms));
    }
    let value_end = hold(handle).map(|hold| hold.value_end_ms).or(key.end_ms());
    set_ends(key, handle, value_end, Some(until_ms));
}

/// Has a value end at a time (`None`: never), and its key when the value does, or at `kept_ms` if
/// that is later.
pub(crate) fn set_ends(
    key: &Key<'_>,
    handle: Handle,
    value_end: Option<i64>,
    kept_ms: Option<i64>,
) {
    let key_end = value_end.map(|end| kept_ms.map_or(end, |kept| kept.max(end)));
    let mut heap = Heap;
    let header = heap.entry_mut(handle).header;
    let held = value_end.zip(key_end).filter(|(value, key)| key > value);
    if held.is_some() || header.rare.is_some() {
        header.rare_mut().hold = held.map(|(value_end_ms, key_end_ms)| Hold {
            value_end_ms,
            key_end_ms,
        });
        header.tidy();
    }
    if key.end_ms() != key_end {
        key.set_end_ms(key_end);
    }
}

/// Whether nothing is left of an entry but its lease or backoff: a placeholder, or a value that is
/// over while its key is kept.
pub(crate) fn is_hollow(handle: Handle) -> bool {
    let header = Heap.entry(handle).header;
    header.is_pending() || hold(handle).is_some_and(|hold| hold.value_end_ms < now().unix_ms)
}

/// Whether a key is kept beyond its value, and how long.
pub(crate) fn hold(handle: Handle) -> Option<Hold> {
    let rare = Heap.entry(handle).header.rare.as_deref();
    rare.and_then(|rare| rare.hold)
}

/// When the entry's lease or backoff ends, monotonic ms.
pub(crate) fn deadline_ms(handle: Handle) -> Option<u64> {
    let rare = Heap.entry(handle).header.rare.as_deref()?;
    let lease = rare.lease.as_ref().map(|lease| lease.deadline_ms);
    lease.max(rare.backoff.map(|backoff| backoff.until_ms))
}

/// Until when a lease or backoff keeps a key, unix ms; `None` if none runs.
pub(crate) fn kept_until_ms(handle: Handle) -> Option<i64> {
    let now = now();
    let left = deadline_ms(handle)?
        .checked_sub(now.mono_ms)
        .filter(|left| *left > 0)?;
    Some(now.unix_ms.saturating_add_unsigned(left))
}

/// Moves the end of a lease to `ms` from now. Whether the token was that of the lease.
pub(crate) fn renew(ctx: Ctx<'_>, name: Str<'_>, token: u64, ms: u64) -> Result<bool, Error> {
    let Some(handle) = holder(ctx, name, token)? else {
        return Ok(false);
    };
    let now = now();
    let deadline = now.mono_ms + ms;
    if let Some(lease) = &mut Heap.entry_mut(handle).header.rare_mut().lease {
        lease.deadline_ms = deadline;
    }
    outlive(&ctx.open(name, Mode::Write), end_ms(now, ms));
    state::with(|state| {
        let realm = state.index(ctx.db()).realm();
        state.leases.note(token, deadline, realm);
        state.unsettle(ctx.db(), name.bytes());
        state.arm_for_work();
    });
    Ok(true)
}

/// Gives a lease up without a value. Whether the token was that of the lease.
pub(crate) fn unlock(
    ctx: Ctx<'_>,
    name: Str<'_>,
    token: u64,
    backoff_ms: Option<u64>,
) -> Result<bool, Error> {
    let Some(handle) = holder(ctx, name, token)? else {
        return Ok(false);
    };
    let db = ctx.db();
    state::with(|state| state.end_lease(handle));
    match backoff_ms {
        Some(ms) => back_off(ctx, name, handle, ms),
        None => release(ctx, name),
    }
    state::with(|state| state.unsettle(db, name.bytes()));
    Ok(true)
}

fn back_off(ctx: Ctx<'_>, name: Str<'_>, handle: Handle, ms: u64) {
    let now = now();
    let era = state::with(|state| state.index(ctx.db()).era());
    Heap.entry_mut(handle).header.rare_mut().backoff = Some(Backoff {
        until_ms: now.mono_ms + ms,
        era,
    });
    outlive(&ctx.open(name, Mode::Write), end_ms(now, ms));
}

/// After a lease has ended without a value: a placeholder goes, and a key that was kept for the
/// lease ends with its value again.
pub(crate) fn release(ctx: Ctx<'_>, name: Str<'_>) {
    let Held::Entry(handle) = ctx.open(name, Mode::Peek).held() else {
        return;
    };
    let held = hold(handle);
    if is_hollow(handle) {
        keyspace::unlink(&ctx.open(name, Mode::Write), ctx);
    } else if let Some(hold) = held {
        let key = ctx.open(name, Mode::Write);
        // Opened to be changed, a key may turn out to have expired just now.
        if key.held() == Held::Entry(handle) {
            set_ends(&key, handle, Some(hold.value_end_ms), None);
        }
    }
}

/// Puts a placeholder with the same lease in the place of a value that is over and whose key is
/// kept: replicas, which don't know of the lease, must not see the value come back with a new TTL.
pub(crate) fn hollow_out(ctx: Ctx<'_>, name: Str<'_>) {
    let Held::Entry(handle) = ctx.open(name, Mode::Peek).held() else {
        return;
    };
    if Heap.entry(handle).header.is_pending() || !is_hollow(handle) {
        return;
    }
    let key = ctx.open(name, Mode::Write);
    // Opened to be changed, a key may turn out to have expired just now.
    if key.held() != Held::Entry(handle) {
        return;
    }
    let Some(until) = kept_until_ms(handle) else {
        return keyspace::unlink(&key, ctx);
    };
    // The lease is taken from the old block lest it ends with it.
    let rare = Heap.entry_mut(handle).header.rare.take().map(|rare| Rare {
        hold: None,
        mark_ms: None,
        ..*rare
    });
    // A placeholder is never too large to be stored.
    let _ = hold_place(ctx, &key, rare.unwrap_or_default(), until);
    replicate::unlink(ctx, name);
}

/// The entry of a key, if this token is that of its lease.
fn holder(ctx: Ctx<'_>, name: Str<'_>, token: u64) -> Result<Option<Handle>, Error> {
    let key = ctx.open(name, Mode::Peek);
    let (held, end, now) = (key.held(), key.end_ms(), now());
    match held {
        Held::Nothing => Ok(None),
        Held::Other => Err(Error::WrongType),
        Held::Entry(handle) => {
            let look = state::with(|state| state.look(ctx.db(), handle, end, now));
            Ok((look.lease == Some(token)).then_some(handle))
        }
    }
}
