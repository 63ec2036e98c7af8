//! `CACHE.MGET key [key ...]`

use super::get::{self, Terms};
use super::{Call, Outcome};
use crate::raw::key::{Held, Mode};
use larder_core::args::Argv;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let (ctx, db) = (call.ctx, call.ctx.db());
    ctx.reply_array(call.argv.len() - 1);
    let names = (1..call.argv.len()).filter_map(|i| call.argv.string(i));
    let mut keys = names.map(|name| {
        let key = ctx.open(name, Mode::Read);
        let handle = match key.held() {
            Held::Entry(handle) => Some(handle),
            // As MGET does.
            Held::Nothing | Held::Other => None,
        };
        (key, handle)
    });
    let mut next = keys.next();
    while let Some((key, handle)) = next {
        // While the next key is looked up, this one's entry comes into the processor's cache.
        next = keys.next();
        get::value(ctx, db, &key, handle, Terms::USUAL);
    }
    Ok(())
}
