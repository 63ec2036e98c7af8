//! Entries as values of keys.

use crate::raw::ctx::Ctx;
use crate::raw::key::{Held, Key};
use crate::{replicate, state};
use larder_core::entry::Draft;
use larder_core::error::Error;
use redis_module::raw::{REDISMODULE_NOTIFY_GENERIC, REDISMODULE_NOTIFY_MODULE};

/// Class of the events a command of the server would fire.
pub(crate) const GENERIC: u32 = REDISMODULE_NOTIFY_GENERIC as u32;
/// Class of our own events.
pub(crate) const MODULE: u32 = REDISMODULE_NOTIFY_MODULE as u32;

/// Makes an entry the value of a key that is open to be changed, whatever it held; the key then
/// ends at `end_ms`.
pub(crate) fn store<'t>(
    db: i32,
    key: &Key<'_>,
    draft: Draft<'_>,
    tags: impl Iterator<Item = &'t [u8]>,
    end_ms: Option<i64>,
) -> Result<(), Error> {
    let block = state::with(|state| state.make(db, draft, tags))?;
    let handle = block.handle();
    let old = match key.held() {
        Held::Entry(old) => {
            state::with(|state| state.detach(db, old));
            key.replace(block)
        }
        Held::Nothing | Held::Other => {
            key.put(block);
            None
        }
    };
    state::with(|state| {
        state.attach(db, handle);
        state.arm_for_work();
    });
    if old.is_some() || end_ms.is_some() {
        key.set_end_ms(end_ms);
    }
    Ok(())
}

/// Removes a key that is open to be changed, as `UNLINK` does: replicas, AOF and subscribers are told.
pub(crate) fn unlink(key: &Key<'_>, ctx: Ctx<'_>) {
    key.unlink();
    replicate::unlink(ctx, key.name());
    ctx.notify(GENERIC, c"del", key.name());
}
