//! `CACHE.TAGLIST cursor [MATCH pattern] [COUNT n]`

use super::{Call, Outcome};
use crate::acl::Eyes;
use crate::state;
use larder_core::command::taglist::TagList;
use larder_core::glob;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let ctx = call.ctx;
    let list = TagList::parse(&call.argv)?;
    let eyes = Eyes::of(ctx);
    // What may not be seen must not fill a page either: the cursor would tell that it fits.
    let wanted = |tag: &[u8]| {
        list.pattern
            .is_none_or(|pattern| glob::matches(pattern, tag))
            && eyes.see(tag)
    };
    let (cursor, tags) = state::with(|state| {
        let page = state
            .index(ctx.db())
            .scan_tags(list.cursor, list.count, wanted);
        let tags: Vec<(Box<[u8]>, usize)> = page
            .tags
            .into_iter()
            .map(|(tag, count)| (tag.into(), count))
            .collect();
        (page.cursor, tags)
    });
    ctx.reply_array(2);
    ctx.reply_value(cursor.to_string().as_bytes());
    ctx.reply_array(tags.len() * 2);
    for (tag, entries) in tags {
        ctx.reply_value(&tag);
        ctx.reply_count(entries);
    }
    Ok(())
}
