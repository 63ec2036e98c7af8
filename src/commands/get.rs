//! `CACHE.GET key [STALE] [WITHMETA] [NOMISS]`

use super::{Call, Outcome, age_ms, entry, held, is_quick_hit, look};
use crate::raw::ctx::Ctx;
use crate::raw::key::{Key, Mode};
use crate::state;
use larder_core::args::Argv;
use larder_core::command::get::Get;
use larder_core::entry::{Freshness, Handle};
use larder_core::error::Error;
use larder_core::look::Look;

/// What a reader takes, and whether finding nothing counts.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    stale_will_do: bool,
    miss_counts: bool,
}

impl Terms {
    pub(super) const USUAL: Self = Self {
        stale_will_do: false,
        miss_counts: true,
    };
}

pub(super) fn run(call: Call<'_>) -> Outcome {
    let (ctx, db) = (call.ctx, call.ctx.db());
    if call.argv.len() == 2 {
        // Nothing but the key: no options to be read.
        let key = ctx.open(call.key(), Mode::Read);
        value(ctx, db, &key, held(&key)?, Terms::USUAL);
        return Ok(());
    }
    let get = Get::parse(&call.argv)?;
    if get.no_miss && !ctx.flags().takes_writes() {
        return Err(Error::ReadOnly);
    }
    let key = ctx.open(call.key(), Mode::Read);
    let handle = held(&key)?;
    let terms = Terms {
        stale_will_do: get.stale,
        miss_counts: !get.no_miss,
    };
    if get.with_meta {
        with_meta(ctx, db, &key, handle, terms);
    } else {
        value(ctx, db, &key, handle, terms);
    }
    Ok(())
}

/// Replies with the value, if it is fresh (or stale, if that will do), else with nil, and counts
/// the read.
pub(super) fn value(ctx: Ctx<'_>, db: i32, key: &Key<'_>, handle: Option<Handle>, terms: Terms) {
    let Some(handle) = handle else {
        return miss(ctx, key, terms);
    };
    let hit =
        is_quick_hit(db, key, handle) || count_read(key, handle, &look(db, key, handle), terms);
    if hit {
        ctx.reply_value(entry(handle).value());
    } else {
        ctx.reply_null();
    }
}

/// Replies with nil for a key that holds nothing, and counts the read.
pub(super) fn miss(ctx: Ctx<'_>, key: &Key<'_>, terms: Terms) {
    if terms.miss_counts {
        state::with(|state| state.count(None, key.name().bytes(), |counters| counters.misses += 1));
    }
    ctx.reply_null();
}

/// Counts a read of a key that is as `look` says. Whether it was a hit.
fn count_read(key: &Key<'_>, handle: Handle, look: &Look, terms: Terms) -> bool {
    let hit = look.is_fresh() || (terms.stale_will_do && look.is_servable());
    if hit || terms.miss_counts {
        let name = key.name().bytes();
        state::with(|state| {
            state.count(Some(handle), name, |counters| {
                *match look.freshness {
                    _ if !hit => &mut counters.misses,
                    Freshness::Fresh(_) => &mut counters.hits,
                    Freshness::Stale(_) | Freshness::Gone => &mut counters.stale_hits,
                } += 1;
            });
        });
    }
    hit
}

fn with_meta(ctx: Ctx<'_>, db: i32, key: &Key<'_>, handle: Option<Handle>, terms: Terms) {
    let Some(handle) = handle else {
        return miss(ctx, key, terms);
    };
    let look = look(db, key, handle);
    if !count_read(key, handle, &look, terms) {
        return ctx.reply_null();
    }
    let entry = entry(handle);
    ctx.reply_array(4);
    ctx.reply_value(entry.value());
    ctx.reply_value(if look.is_fresh() { b"fresh" } else { b"stale" });
    ctx.reply_integer(ttl_ms(&look));
    ctx.reply_integer(age_ms(entry));
}

/// Fresh time left, ms: 0 if stale, -1 without end. (A fresh value has at least the present ms.)
pub(super) fn ttl_ms(look: &Look) -> i64 {
    match look.freshness {
        Freshness::Fresh(None) => -1,
        Freshness::Fresh(Some(left)) => i64::try_from(left.max(1)).unwrap_or(i64::MAX),
        Freshness::Stale(_) | Freshness::Gone => 0,
    }
}
