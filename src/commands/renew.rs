//! `CACHE.RENEW key token ms`

use super::{Call, Outcome};
use crate::leases;
use larder_core::command::renew::Renew;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let renew = Renew::parse(&call.argv, &call.config())?;
    let held = leases::renew(call.ctx, call.key(), renew.token, renew.ms)?;
    call.ctx.reply_integer(held.into());
    Ok(())
}
