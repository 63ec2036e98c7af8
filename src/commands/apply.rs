//! The commands by which a primary's effects reach replicas and the AOF. They carry absolute
//! times, and nothing in them is checked against defaults or limits.

use super::{Call, Outcome, invalidate as touching, settags};
use crate::events::{self, Source};
use crate::keyspace;
use crate::raw::ctx::now;
use crate::raw::key::{Held, Mode};
use crate::raw::user::Access;
use crate::{acl, state, waiters};
use larder_core::command::apply::{ApplySet, ApplyTags, ApplyTouch};
use larder_core::command::invalidate::Touch;
use larder_core::config::LoadPolicy;
use larder_core::entry::{Draft, Hold, Rare};
use larder_core::index::Stamp;

/// `CACHE.APPLYSET`
pub(super) fn set(call: Call<'_>) -> Outcome {
    let ctx = call.ctx;
    let effect = ApplySet::parse(&call.argv)?;
    acl::check_tags(call, Access::Write, effect.tags.iter())?;
    let (policy, at_start) = state::with(|state| {
        (
            state.config.load_policy,
            !state.running && state.loading == Some(Source::Aof),
        )
    });
    let key = ctx.open(call.key(), Mode::Write);
    if at_start && policy == LoadPolicy::Drop {
        if key.held() != Held::Nothing {
            key.unlink();
        }
        ctx.reply_ok();
        return Ok(());
    }
    let mark_now = (at_start && policy == LoadPolicy::Stale).then(|| now().unix_ms);
    let hold = effect.end_ms.zip(effect.hold_ms);
    let draft = Draft {
        key: effect.key,
        value: Some(effect.value),
        stored_ms: effect.stored_ms,
        tagged_ms: effect.stored_ms,
        grace_ms: effect.grace_ms,
        compute_ms: effect.compute_ms,
        rare: Rare {
            mark_ms: effect.mark_ms.or(mark_now),
            hold: hold.map(|(value_end_ms, key_end_ms)| Hold {
                value_end_ms,
                key_end_ms,
            }),
            ..Rare::default()
        },
        ..Draft::default()
    };
    keyspace::store(
        ctx.db(),
        &key,
        draft,
        effect.tags.iter(),
        effect.hold_ms.or(effect.end_ms),
    )?;
    drop(key);
    events::end_marked(ctx, call.key());
    waiters::settle_soon(ctx, call.key());
    ctx.replicate_verbatim();
    ctx.reply_ok();
    Ok(())
}

/// `CACHE.APPLYTAGS`
pub(super) fn tags(call: Call<'_>) -> Outcome {
    let effect = ApplyTags::parse(&call.argv)?;
    acl::check_tags(call, Access::Write, effect.tags.iter())?;
    let done = settags::apply(call.ctx, call.key(), effect.tags.iter())?;
    call.ctx.replicate_verbatim();
    call.ctx.reply_integer(done.into());
    Ok(())
}

/// `CACHE.APPLYINVALIDATE`
pub(super) fn invalidate(call: Call<'_>) -> Outcome {
    touched(call, Touch::Invalidate)
}

/// `CACHE.APPLYMARKSTALE`
pub(super) fn mark_stale(call: Call<'_>) -> Outcome {
    touched(call, Touch::MarkStale)
}

fn touched(call: Call<'_>, touch: Touch) -> Outcome {
    let effect = ApplyTouch::parse(&call.argv, touch)?;
    acl::check_tags(call, Access::Write, effect.tags.iter())?;
    let epoch = state::with(|state| state.stamp().epoch);
    let count = touching::apply(
        call.ctx,
        touch,
        Stamp {
            epoch,
            ms: effect.at_ms,
        },
        effect.tags.iter(),
    );
    call.ctx.replicate_verbatim();
    call.ctx.reply_count(count);
    Ok(())
}
