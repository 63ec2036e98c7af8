//! `CACHE.TAGSCAN tag cursor [COUNT n]`

use super::{Call, Outcome, entry, look};
use crate::acl::{self, Eyes};
use crate::raw::ctx::Ctx;
use crate::raw::key::{Held, Mode};
use crate::raw::string::OwnStr;
use crate::raw::user::Access;
use crate::state;
use larder_core::command::tagscan::TagScan;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let ctx = call.ctx;
    let scan = TagScan::parse(&call.argv)?;
    acl::check_tags(call, Access::Read, [scan.tag])?;
    let page = state::with(|state| {
        state
            .index(ctx.db())
            .scan_members(scan.tag, scan.cursor, scan.count)
    });
    let names: Vec<OwnStr> = page
        .handles
        .iter()
        .map(|handle| OwnStr::new(entry(*handle).key()))
        .collect();
    let eyes = Eyes::of(ctx);
    let live: Vec<OwnStr> = names
        .into_iter()
        .filter(|name| lives(ctx, name) && eyes.see(name.get().bytes()))
        .collect();
    ctx.reply_array(2);
    ctx.reply_value(page.cursor.to_string().as_bytes());
    ctx.reply_array(live.len());
    live.iter()
        .for_each(|name| ctx.reply_value(name.get().bytes()));
    Ok(())
}

fn lives(ctx: Ctx<'_>, name: &OwnStr) -> bool {
    let key = ctx.open(name.get(), Mode::Peek);
    matches!(key.held(), Held::Entry(handle) if look(ctx.db(), &key, handle).is_servable())
}
