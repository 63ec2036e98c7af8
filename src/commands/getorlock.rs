//! `CACHE.GETORLOCK key [LEASE ms] [WAIT ms] [EARLY beta] [FRESH] [BOUND]`

use super::{Call, Outcome, entry, held, is_quick_hit, look};
use crate::leases::{self, Terms};
use crate::raw::blocked::Blocked;
use crate::raw::ctx::Ctx;
use crate::raw::key::Mode;
use crate::raw::string::Str;
use crate::state;
use crate::waiters::{self, Waiter};
use larder_core::args::Argv;
use larder_core::command::getorlock::GetOrLock;
use larder_core::config::Config;
use larder_core::entry::Handle;
use larder_core::look::{self as core_look, Look};
use std::hash::{BuildHasher, RandomState};

pub(super) fn run(call: Call<'_>) -> Outcome {
    // Without options there is nothing to be read, and who finds a fresh value needs none.
    let draws_early = call.argv.len() > 2
        && GetOrLock::parse(&call.argv, &call.config())?
            .early
            .is_some();
    let (ctx, db) = (call.ctx, call.ctx.db());
    let key = ctx.open(call.key(), Mode::Read);
    let handle = held(&key)?;
    if let Some(handle) = handle.filter(|_| !draws_early)
        && is_quick_hit(db, &key, handle)
    {
        reply_value(ctx, false, entry(handle).value(), None);
        return Ok(());
    }
    let look = handle.map_or(Look::NOTHING, |handle| look(db, &key, handle));
    drop(key);
    decide(call, handle, look)
}

/// Does what the table says for a key that is as `look` says.
fn decide(call: Call<'_>, handle: Option<Handle>, look: Look) -> Outcome {
    let (ctx, config) = (call.ctx, call.config());
    let ask = GetOrLock::parse(&call.argv, &config)?;
    let early = handle.is_some_and(|handle| draws(&ask, &look, handle));
    let outcome = in_turn(ctx, call.key(), look.outcome(ask.fresh, early));
    if outcome == core_look::Outcome::Wait && may_wait(ctx, &ask, &config) {
        wait(call, &ask, &config, handle);
        return Ok(());
    }
    let token = match outcome {
        core_look::Outcome::FreshAndLease
        | core_look::Outcome::StaleAndLease
        | core_look::Outcome::MissAndLease => Some(leases::grant(
            ctx,
            call.key(),
            look,
            terms(ctx, &ask, &config),
        )?),
        _ => None,
    };
    reply(call, handle, outcome, token);
    Ok(())
}

/// Keeps a newcomer from a lease that has just come free for those who have waited for it.
fn in_turn(ctx: Ctx<'_>, name: Str<'_>, outcome: core_look::Outcome) -> core_look::Outcome {
    let behind = outcome.behind_others();
    if behind != outcome && waiters::settle_soon(ctx, name) {
        return behind;
    }
    outcome
}

fn draws(ask: &GetOrLock<'_>, look: &Look, handle: Handle) -> bool {
    let Some(beta) = ask.early else { return false };
    // Uniform in (0, 1]: the 53 bits a double has, from a hash with a key of its own each time.
    let bits = RandomState::new().hash_one(()) >> 11;
    let random = (bits + 1) as f64 / (1u64 << 53) as f64;
    core_look::draws_early(
        look.freshness,
        entry(handle).header.compute_ms(),
        beta,
        random,
    )
}

fn terms(ctx: Ctx<'_>, ask: &GetOrLock<'_>, config: &Config) -> Terms {
    let default = config.lease_time_ms.min(config.max_lease_time_ms);
    Terms {
        lease_ms: ask.lease_ms.unwrap_or(default),
        // The client of a script is the script: it does not disconnect.
        client: (ask.bound && !ctx.flags().script()).then(|| ctx.client()),
    }
}

fn may_wait(ctx: Ctx<'_>, ask: &GetOrLock<'_>, config: &Config) -> bool {
    let room = state::with(|state| state.waiting.len() < config.max_waiters);
    ask.wait_ms > 0 && room && ctx.flags().may_block()
}

fn wait(call: Call<'_>, ask: &GetOrLock<'_>, config: &Config, handle: Option<Handle>) {
    let (ctx, db, name) = (call.ctx, call.ctx.db(), call.key().bytes());
    let Some(blocked) = Blocked::block(ctx) else {
        return reply(call, handle, core_look::Outcome::Busy, None);
    };
    let now = crate::raw::ctx::now().mono_ms;
    let again = handle.and_then(leases::deadline_ms).unwrap_or(now);
    let waiter = Waiter {
        blocked,
        only_fresh: ask.fresh,
        terms: terms(ctx, ask, config),
        deadline_ms: now + ask.wait_ms,
    };
    state::with(|state| {
        state.waiting.join(db, name, waiter, again);
        state.count(None, name, |counters| counters.waits += 1);
        state.arm(again.saturating_sub(now).min(ask.wait_ms) + 1);
    });
}

fn reply(call: Call<'_>, handle: Option<Handle>, outcome: core_look::Outcome, token: Option<u64>) {
    use core_look::Outcome::{
        Busy, Fresh, FreshAndLease, MissAndLease, Stale, StaleAndLease, Wait,
    };
    let ctx = call.ctx;
    count(handle, call.key().bytes(), outcome, false);
    // A placeholder may have taken the entry's place, but not where there is a value: within a command
    // the server's time stands still, so what was servable has not expired since.
    let value = || handle.map_or(&[][..], |handle| entry(handle).value());
    match (outcome, token) {
        (Fresh | FreshAndLease, token) => reply_value(ctx, false, value(), token),
        (Stale | StaleAndLease, token) => reply_value(ctx, true, value(), token),
        (MissAndLease, Some(token)) => reply_miss(ctx, token),
        (MissAndLease | Wait | Busy, _) => reply_busy(ctx),
    }
}

/// Counts a read that comes to `outcome`.
pub(crate) fn count(handle: Option<Handle>, key: &[u8], outcome: core_look::Outcome, waited: bool) {
    use core_look::Outcome::{
        Busy, Fresh, FreshAndLease, MissAndLease, Stale, StaleAndLease, Wait,
    };
    // The entry may have been replaced by a placeholder.
    let handle = handle.filter(|_| outcome != MissAndLease);
    state::with(|state| {
        state.count(handle, key, |counters| {
            match outcome {
                Fresh | FreshAndLease => counters.hits += 1,
                Stale | StaleAndLease => counters.stale_hits += 1,
                MissAndLease => counters.misses += 1,
                Wait | Busy => counters.busy += 1,
            }
            counters.early_refreshes += u64::from(outcome == FreshAndLease);
            counters.waits_filled +=
                u64::from(waited && matches!(outcome, Fresh | Stale | StaleAndLease));
        });
    });
}

/// `[fresh | stale, value, token | nil]`
pub(crate) fn reply_value(ctx: Ctx<'_>, stale: bool, value: &[u8], token: Option<u64>) {
    ctx.reply_array(3);
    ctx.reply_value(if stale { b"stale" } else { b"fresh" });
    ctx.reply_value(value);
    match token {
        Some(token) => ctx.reply_integer(token.cast_signed()),
        None => ctx.reply_null(),
    }
}

/// `[miss, nil, token]`
pub(crate) fn reply_miss(ctx: Ctx<'_>, token: u64) {
    ctx.reply_array(3);
    ctx.reply_value(b"miss");
    ctx.reply_null();
    ctx.reply_integer(token.cast_signed());
}

/// `[busy, nil, nil]`
pub(crate) fn reply_busy(ctx: Ctx<'_>) {
    ctx.reply_array(3);
    ctx.reply_value(b"busy");
    ctx.reply_null();
    ctx.reply_null();
}
