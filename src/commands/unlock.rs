//! `CACHE.UNLOCK key token [BACKOFF ms]`

use super::{Call, Outcome};
use crate::{leases, waiters};
use larder_core::command::unlock::Unlock;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let unlock = Unlock::parse(&call.argv, &call.config())?;
    let held = leases::unlock(call.ctx, call.key(), unlock.token, unlock.backoff_ms)?;
    if held {
        waiters::settle_soon(call.ctx, call.key());
    }
    call.ctx.reply_integer(held.into());
    Ok(())
}
