//! `CACHE.INVALIDATE tag [tag ...]` and `CACHE.MARKSTALE tag [tag ...]`

use super::{Call, Outcome};
use crate::raw::ctx::Ctx;
use crate::raw::user::Access;
use crate::reclaim::{self, Budget};
use crate::{acl, replicate, state};
use larder_core::command::invalidate::{Touch, TouchTags};
use larder_core::index::Stamp;

pub(super) fn invalidate(call: Call<'_>) -> Outcome {
    run(call, Touch::Invalidate)
}

pub(super) fn mark_stale(call: Call<'_>) -> Outcome {
    run(call, Touch::MarkStale)
}

fn run(call: Call<'_>, touch: Touch) -> Outcome {
    let (ctx, config) = (call.ctx, call.config());
    let tags = TouchTags::parse(&call.argv, touch)?.tags;
    acl::check_tags(call, Access::Write, tags.iter())?;
    let stamp = state::with(state::State::stamp);
    let count = apply(ctx, touch, stamp, tags.iter());
    let effect = match touch {
        Touch::Invalidate => c"CACHE.APPLYINVALIDATE",
        Touch::MarkStale => c"CACHE.APPLYMARKSTALE",
    };
    replicate::touched(ctx, effect, stamp.ms, tags.iter());
    if ctx.flags().primary() {
        let (db, most) = (ctx.db(), config.reclaim_inline);
        match touch {
            Touch::Invalidate => {
                let waiting = state::with(|state| state.index(db).dead());
                reclaim::dead(ctx, db, Budget::inline(most, waiting));
            }
            Touch::MarkStale => reclaim::marks(ctx, db, Budget::inline(most, count)),
        }
    }
    ctx.reply_count(count);
    Ok(())
}

/// Declares what carries the tags dead or stale, tells subscribers, and returns how many entries
/// that were.
pub(super) fn apply<'t>(
    ctx: Ctx<'_>,
    touch: Touch,
    stamp: Stamp,
    tags: impl Iterator<Item = &'t [u8]> + Clone,
) -> usize {
    let db = ctx.db();
    let (count, publishes) = state::with(|state| {
        let keep = state.retention();
        let index = state.index(db);
        let one = |tag| match touch {
            Touch::Invalidate => index.invalidate(tag, stamp, keep),
            Touch::MarkStale => index.mark_stale(tag, stamp, keep),
        };
        let count = tags.clone().map(one).sum();
        state.stats.record_unkeyed(|counters| {
            if touch == Touch::Invalidate {
                counters.invalidations += tags.clone().count() as u64;
                counters.entries_invalidated += count as u64;
            }
        });
        // Somebody may wait for a value whose lease has just died with its entry.
        state.unsettled.extend(state.waiting.places(Some(db)));
        state.arm_for_work();
        (count, state.config.publish_invalidations && !state.cluster)
    });
    if publishes && !ctx.flags().loading() {
        publish(ctx, touch, tags);
    }
    count
}

fn publish<'t>(ctx: Ctx<'_>, touch: Touch, tags: impl Iterator<Item = &'t [u8]>) {
    let event = match touch {
        Touch::Invalidate => "invalidate",
        Touch::MarkStale => "markstale",
    };
    let channel = format!("__cache@{}__:{event}", ctx.db());
    tags.for_each(|tag| ctx.publish(channel.as_bytes(), tag));
}
