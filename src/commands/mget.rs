//! `CACHE.MGET key [key ...]`

use super::{Call, Outcome, get};
use crate::raw::key::{Held, Mode};
use larder_core::args::Argv;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let (ctx, db) = (call.ctx, call.ctx.db());
    ctx.reply_array(call.argv.len() - 1);
    for name in (1..call.argv.len()).filter_map(|i| call.argv.string(i)) {
        let key = ctx.open(name, Mode::Read);
        let handle = match key.held() {
            Held::Entry(handle) => Some(handle),
            // As MGET does.
            Held::Nothing | Held::Other => None,
        };
        get::value(ctx, db, &key, handle, false);
    }
    Ok(())
}
