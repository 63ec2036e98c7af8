//! `CACHE.EXISTS key [key ...]`

use super::{Call, Outcome, look};
use crate::raw::key::{Held, Mode};
use larder_core::args::Argv;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let db = call.ctx.db();
    let names = (1..call.argv.len()).filter_map(|i| call.argv.string(i));
    let servable = names.filter(|name| {
        let key = call.ctx.open(*name, Mode::Read);
        matches!(key.held(), Held::Entry(handle) if look(db, &key, handle).is_servable())
    });
    call.ctx.reply_count(servable.count());
    Ok(())
}
