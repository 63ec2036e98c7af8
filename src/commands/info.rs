//! `CACHE.INFO key`

use super::{Call, Outcome, age_ms, entry, get, held, look, tags};
use crate::acl::Eyes;
use crate::raw::ctx::Ctx;
use crate::raw::key::Mode;
use crate::state;
use larder_core::entry::{Freshness, Handle};
use larder_core::look::Look;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let (ctx, db) = (call.ctx, call.ctx.db());
    let key = ctx.open(call.key(), Mode::Read);
    let found = held(&key)?.map(|handle| (handle, look(db, &key, handle)));
    match found.filter(|(_, look)| !look.is_nothing()) {
        Some((handle, look)) => describe(ctx, db, key.name().bytes(), handle, &look),
        None => ctx.reply_null(),
    }
    Ok(())
}

fn describe(ctx: Ctx<'_>, db: i32, name: &[u8], handle: Handle, look: &Look) {
    let entry = entry(handle);
    let servable = look.is_servable();
    let compute = entry
        .header
        .compute_ms()
        .filter(|_| servable)
        .map_or(-1, i64::from);
    let tags = if servable {
        tags::visible(db, handle, &Eyes::of(ctx))
    } else {
        Vec::new()
    };
    let waiters = state::with(|state| state.waiting.count(db, name));
    ctx.reply_map(9);
    ctx.reply_value(b"state");
    ctx.reply_value(match look.freshness {
        Freshness::Fresh(_) => b"fresh",
        Freshness::Stale(_) => b"stale",
        Freshness::Gone => b"pending",
    });
    let numbers: [(&[u8], i64); 5] = [
        (
            b"size",
            if servable {
                i64::try_from(entry.value().len()).unwrap_or(i64::MAX)
            } else {
                0
            },
        ),
        (b"ttl-ms", get::ttl_ms(look)),
        (
            b"grace-ms",
            if servable {
                entry.header.grace_ms.cast_signed()
            } else {
                0
            },
        ),
        (b"age-ms", if servable { age_ms(entry) } else { 0 }),
        (b"compute-ms", compute),
    ];
    for (name, number) in numbers {
        ctx.reply_value(name);
        ctx.reply_integer(number);
    }
    ctx.reply_value(b"tags");
    ctx.reply_array(tags.len());
    tags.iter().for_each(|tag| ctx.reply_value(tag));
    ctx.reply_value(b"lease");
    match look.lease {
        Some(token) => ctx.reply_integer(token.cast_signed()),
        None => ctx.reply_null(),
    }
    ctx.reply_value(b"waiters");
    ctx.reply_count(waiters);
}
