//! `CACHE.TAGS key`

use super::{Call, Outcome, entry, servable};
use crate::acl::Eyes;
use crate::raw::key::Mode;
use crate::state;
use larder_core::entry::Handle;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let (ctx, db) = (call.ctx, call.ctx.db());
    let key = ctx.open(call.key(), Mode::Read);
    let Some((handle, _)) = servable(db, &key)? else {
        ctx.reply_null();
        return Ok(());
    };
    let tags = visible(db, handle, &Eyes::of(ctx));
    ctx.reply_array(tags.len());
    tags.iter().for_each(|tag| ctx.reply_value(tag));
    Ok(())
}

/// The tags of an entry that the caller may see.
pub(super) fn visible(db: i32, handle: Handle, eyes: &Eyes) -> Vec<Box<[u8]>> {
    let tags: Vec<Box<[u8]>> = state::with(|state| {
        state
            .index(db)
            .tag_names(entry(handle))
            .map(Box::from)
            .collect()
    });
    tags.into_iter().filter(|tag| eyes.see(tag)).collect()
}
