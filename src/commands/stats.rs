//! `CACHE.STATS [PREFIX prefix | PREFIXES | RESET]`

use super::{Call, Outcome};
use crate::acl::Eyes;
use crate::raw::ctx::Ctx;
use crate::state;
use larder_core::command::stats::Stats;
use larder_core::error::Error;
use larder_core::stats::{Counters, Field, Value, fields};

pub(super) fn run(call: Call<'_>) -> Outcome {
    let ctx = call.ctx;
    match Stats::parse(&call.argv)? {
        Stats::All => reply(ctx, &state::with(state::State::report)),
        Stats::Prefix(prefix) => of_prefix(ctx, prefix)?,
        Stats::Prefixes => list(ctx),
        Stats::Reset => {
            state::with(|state| state.stats.reset());
            ctx.reply_ok();
        }
    }
    Ok(())
}

fn of_prefix(ctx: Ctx<'_>, prefix: &[u8]) -> Outcome {
    let eyes = Eyes::of(ctx);
    if !sees(&eyes, prefix) {
        eyes.log_refusal(ctx, prefix);
        return Err(Error::NoKeyPermission);
    }
    // A prefix nobody has read or written yet has counted nothing.
    let fields = state::with(|state| match state.stats.prefixes().get(prefix) {
        Some(counters) => fields(counters, None),
        None => fields(&Counters::default(), None),
    });
    reply(ctx, &fields);
    Ok(())
}

fn list(ctx: Ctx<'_>) {
    let prefixes: Vec<Box<[u8]>> = state::with(|state| {
        state
            .stats
            .prefixes()
            .by_reads()
            .into_iter()
            .map(Box::from)
            .collect()
    });
    let eyes = Eyes::of(ctx);
    let visible: Vec<_> = prefixes
        .iter()
        .filter(|prefix| sees(&eyes, prefix))
        .collect();
    ctx.reply_array(visible.len());
    visible.iter().for_each(|prefix| ctx.reply_value(prefix));
}

/// A caller may see a prefix if he may see all of its keys. No pattern can be asked that, so he is
/// asked about a key that only a pattern for all of them is likely to fit.
fn sees(eyes: &Eyes, prefix: &[u8]) -> bool {
    const ANY: &[u8] = b"\0any key of this prefix\0";
    let colon: &[u8] = if prefix.is_empty() { b"" } else { b":" };
    eyes.see(&[prefix, colon, ANY].concat())
}

fn reply(ctx: Ctx<'_>, fields: &[Field]) {
    ctx.reply_map(fields.len());
    for field in fields {
        ctx.reply_value(field.name.as_bytes());
        match field.value {
            Value::Integer(value) => ctx.reply_integer(i64::try_from(value).unwrap_or(i64::MAX)),
            Value::Ratio(value) => ctx.reply_double(value),
        }
    }
}
