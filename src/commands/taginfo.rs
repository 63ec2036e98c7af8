//! `CACHE.TAGINFO tag`

use super::{Call, Outcome};
use crate::raw::user::Access;
use crate::{acl, state};
use larder_core::command::taginfo::TagInfo;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let ctx = call.ctx;
    let tag = TagInfo::parse(&call.argv)?.tag;
    acl::check_tags(call, Access::Read, [tag])?;
    let Some(info) = state::with(|state| state.index(ctx.db()).tag_info(tag)) else {
        ctx.reply_null();
        return Ok(());
    };
    ctx.reply_map(3);
    ctx.reply_value(b"entries");
    ctx.reply_count(info.entries);
    ctx.reply_value(b"invalidated-at-ms");
    ctx.reply_integer(info.invalidated.ms);
    ctx.reply_value(b"marked-stale-at-ms");
    ctx.reply_integer(info.marked.ms);
    Ok(())
}
