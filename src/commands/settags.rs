//! `CACHE.SETTAGS key [tag ...]`

use super::{Call, Outcome, entry, held, servable};
use crate::keyspace::{self, MODULE};
use crate::raw::block::Heap;
use crate::raw::ctx::{Ctx, now};
use crate::raw::key::{Held, Key, Mode};
use crate::raw::string::Str;
use crate::raw::user::Access;
use crate::{acl, events, replicate, state};
use larder_core::command::settags::SetTags;
use larder_core::entry::{Arena, Draft, Handle};
use larder_core::error::Error;
use larder_core::index::Verdict;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let config = call.config();
    let settags = SetTags::parse(&call.argv, &config)?;
    acl::check_tags(call, Access::Write, settags.tags.iter())?;
    let done = replace(call.ctx, call.key(), settags.tags.iter())?;
    if done {
        replicate::tags(call.ctx, call.key(), settags.tags.iter());
    }
    call.ctx.reply_integer(done.into());
    Ok(())
}

/// Gives the entry of a key other tags, which count from now. Whether there was one to serve.
fn replace<'t>(
    ctx: Ctx<'_>,
    name: Str<'_>,
    tags: impl Iterator<Item = &'t [u8]>,
) -> Result<bool, Error> {
    let found = servable(ctx.db(), &ctx.open(name, Mode::Peek))?;
    match found {
        Some((handle, _)) => put(ctx, name, handle, tags),
        None => Ok(false),
    }
}

/// The same as an effect: what was servable when it was given its tags need not be when that is
/// replayed, so the time is not looked at.
pub(super) fn apply<'t>(
    ctx: Ctx<'_>,
    name: Str<'_>,
    tags: impl Iterator<Item = &'t [u8]>,
) -> Result<bool, Error> {
    let found = held(&ctx.open(name, Mode::Peek))?;
    let alive = |handle: &Handle| {
        let verdict = state::with(|state| state.judge(ctx.db(), *handle));
        verdict != Verdict::Dead && !entry(*handle).header.is_pending()
    };
    match found.filter(alive) {
        Some(handle) => put(ctx, name, handle, tags),
        None => Ok(false),
    }
}

fn put<'t>(
    ctx: Ctx<'_>,
    name: Str<'_>,
    handle: Handle,
    tags: impl Iterator<Item = &'t [u8]>,
) -> Result<bool, Error> {
    let key = ctx.open(name, Mode::Write);
    // Opened to be changed, a key may turn out to have expired just now.
    if key.held() != Held::Entry(handle) {
        return Ok(false);
    }
    retag(ctx.db(), &key, handle, tags)?;
    drop(key);
    // In its new lists no walk will come by to end it with its grace.
    events::end_marked(ctx, name);
    ctx.notify(MODULE, c"cache.settags", name);
    Ok(true)
}

fn retag<'t>(
    db: i32,
    key: &Key<'_>,
    handle: Handle,
    tags: impl Iterator<Item = &'t [u8]>,
) -> Result<(), Error> {
    // What its old tags say of it stays with it (a mark is never lifted by new tags), and so does
    // the lease, which is taken from the old block lest it ends with it.
    let rare = state::with(|state| state.write_down(db, handle));
    Heap.entry_mut(handle).header.rare = None;
    let draft = Draft {
        rare,
        tagged_ms: now().unix_ms,
        ..Draft::copy_of(entry(handle), key.name().bytes())
    };
    keyspace::store(db, key, draft, tags, key.end_ms())
}
