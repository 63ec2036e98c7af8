//! `CACHE.GETEX key [EX s | PX ms | EXAT .. | PXAT .. | PERSIST]`

use super::get::{self, Terms};
use super::{Call, Outcome, entry, held, look};
use crate::keyspace::{self, GENERIC};
use crate::raw::ctx::{Ctx, now};
use crate::raw::key::{Key, Mode};
use crate::replicate;
use larder_core::command::getex::{GetEx, Move};
use larder_core::entry::Handle;
use larder_core::error::Error;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let getex = GetEx::parse(&call.argv)?;
    let (ctx, db) = (call.ctx, call.ctx.db());
    let key = ctx.open(call.key(), Mode::Read);
    let Some(handle) = held(&key)? else {
        get::miss(ctx, &key, Terms::USUAL);
        return Ok(());
    };
    let end = match getex.ttl {
        Some(to) if look(db, &key, handle).is_fresh() => Some(new_end(handle, to)?),
        // Only a fresh entry slides: a stale one would be revived.
        _ => None,
    };
    get::value(ctx, db, &key, Some(handle), Terms::USUAL);
    if let Some(end) = end {
        drop(key);
        slide(ctx, &ctx.open(call.key(), Mode::Write), end);
    }
    Ok(())
}

/// Where the end of a key goes so that it is fresh until the time asked for.
fn new_end(handle: Handle, to: Move) -> Result<Option<i64>, Error> {
    let Some(fresh_until) = to.resolve(now().unix_ms)? else {
        return Ok(None);
    };
    let end = fresh_until.checked_add_unsigned(entry(handle).header.grace_ms);
    end.map(Some).ok_or(Error::InvalidExpire("cache.getex"))
}

fn slide(ctx: Ctx<'_>, key: &Key<'_>, end: Option<i64>) {
    match end {
        Some(end) if end < now().unix_ms => keyspace::unlink(key, ctx),
        Some(_) => {
            key.set_end_ms(end);
            replicate::expiry(ctx, key.name(), end);
            ctx.notify(GENERIC, c"expire", key.name());
        }
        None if key.end_ms().is_some() => {
            key.set_end_ms(None);
            replicate::expiry(ctx, key.name(), None);
            ctx.notify(GENERIC, c"persist", key.name());
        }
        None => {}
    }
}
