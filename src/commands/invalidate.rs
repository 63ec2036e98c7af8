//! `CACHE.INVALIDATE tag [tag ...]` and `CACHE.MARKSTALE tag [tag ...]`

use super::{Call, Outcome};
use crate::raw::ctx::Ctx;
use crate::raw::user::Access;
use crate::reclaim::{self, Budget};
use crate::{acl, replicate, state};
use larder_core::command::invalidate::Invalidate;
use larder_core::index::Stamp;

pub(super) fn invalidate(call: Call<'_>) -> Outcome {
    run(call, Kind::Invalidate)
}

pub(super) fn mark_stale(call: Call<'_>) -> Outcome {
    run(call, Kind::MarkStale)
}

/// What is done to the tags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Invalidate,
    MarkStale,
}

fn run(call: Call<'_>, kind: Kind) -> Outcome {
    let (ctx, config) = (call.ctx, call.config());
    let tags = Invalidate::parse(&call.argv, &config)?.tags;
    acl::check_tags(ctx, Access::Write, tags.iter())?;
    let stamp = state::with(state::State::stamp);
    let count = touch(ctx, kind, stamp, tags.iter());
    let effect = match kind {
        Kind::Invalidate => c"CACHE.APPLYINVALIDATE",
        Kind::MarkStale => c"CACHE.APPLYMARKSTALE",
    };
    replicate::touched(ctx, effect, stamp.ms, tags.iter());
    if ctx.flags().primary() {
        let budget = Budget::entries(config.reclaim_inline);
        match kind {
            Kind::Invalidate => reclaim::dead(ctx, ctx.db(), budget),
            Kind::MarkStale => reclaim::marks(ctx, ctx.db(), budget),
        }
    }
    ctx.reply_count(count);
    Ok(())
}

/// Declares what carries the tags dead or stale, tells subscribers, and returns how many entries
/// that were.
pub(super) fn touch<'t>(
    ctx: Ctx<'_>,
    kind: Kind,
    stamp: Stamp,
    tags: impl Iterator<Item = &'t [u8]> + Clone,
) -> usize {
    let db = ctx.db();
    let (count, publishes) = state::with(|state| {
        let keep = state.retention();
        let index = state.index(db);
        let one = |tag| match kind {
            Kind::Invalidate => index.invalidate(tag, stamp, keep),
            Kind::MarkStale => index.mark_stale(tag, stamp, keep),
        };
        let count = tags.clone().map(one).sum();
        state.stats.record_unkeyed(|counters| {
            counters.invalidations += 1;
            counters.entries_invalidated += count as u64;
        });
        // Somebody may wait for a value whose lease has just died with its entry.
        state.unsettled.extend(state.waiting.places(Some(db)));
        (count, state.config.publish_invalidations && !state.cluster)
    });
    if publishes && !ctx.flags().loading() {
        publish(ctx, kind, tags);
    }
    count
}

fn publish<'t>(ctx: Ctx<'_>, kind: Kind, tags: impl Iterator<Item = &'t [u8]>) {
    let event = match kind {
        Kind::Invalidate => "invalidate",
        Kind::MarkStale => "markstale",
    };
    let channel = format!("__cache@{}__:{event}", ctx.db());
    tags.for_each(|tag| ctx.publish(channel.as_bytes(), tag));
}
