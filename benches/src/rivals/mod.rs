//! Ways to keep a cache with tags in Redis, each written from its published algorithm.
//!
//! Where an algorithm leaves a choice, the one that is faster here was taken: a reader of version
//! stamps knows the tags of its key beforehand, and a writer's dependent round trips are pipelined
//! with those of others.

mod larder;
mod lua;
mod native;
mod sets;
mod sorted_sets;
mod stamps;

pub(crate) use larder::Larder;
pub(crate) use native::Native;
pub(crate) use stamps::Stamps;

use crate::item::Item;
use crate::load::Load;
use crate::requests::Requests;
use redis::{Cmd, Connection, FromRedisValue};
use std::ops::Range;

/// A way to keep a cache.
pub(crate) trait Rival {
    fn name(&self) -> &'static str;

    /// Adds the commands that store an item.
    fn store(&self, item: &Item<'_>, out: &mut Requests);

    /// Adds the commands that read it.
    fn read(&self, item: &Item<'_>, out: &mut Requests) {
        out.command(&[b"GET", item.key.as_bytes()]);
    }

    /// Has everything under the tag disappear, in as many round trips as it takes.
    fn invalidate(&self, tag: &str, c: &mut Connection);

    /// The commands an invalidation consists of, as the server's statistics name them.
    fn invalidation_commands(&self) -> &'static [&'static str];

    /// Whether a reader gets the item's value.
    fn serves(&self, item: &Item<'_>, c: &mut Connection) -> bool {
        answer(redis::cmd("EXISTS").arg(&item.key), c)
    }
}

/// Larder and all who keep tags. The scripts among them are loaded over `c`.
pub(crate) fn with_tags(c: &mut Connection) -> Vec<Box<dyn Rival>> {
    vec![
        Box::new(Larder),
        Box::new(sets::Sets),
        Box::new(lua::Lua::load(c)),
        Box::new(sorted_sets::SortedSets),
        Box::new(Stamps),
    ]
}

/// Runs a command that cannot fail.
fn answer<T: FromRedisValue>(command: &Cmd, c: &mut Connection) -> T {
    command.query(c).expect("the server answers")
}

/// An operation for each item.
pub(crate) fn requests<'a>(
    items: impl IntoIterator<Item = Item<'a>>,
    add: impl Fn(&Item<'a>, &mut Requests),
) -> Requests {
    let mut out = Requests::default();
    for item in items {
        add(&item, &mut out);
        out.end();
    }
    out
}

/// Stores many items, without keeping all of their requests in memory at once.
pub(crate) fn fill<'a>(
    load: &mut Load,
    rival: &dyn Rival,
    numbers: Range<usize>,
    item: impl Fn(usize) -> Item<'a>,
) {
    const AT_ONCE: usize = 50_000;
    for start in numbers.clone().step_by(AT_ONCE) {
        let end = numbers.end.min(start + AT_ONCE);
        load.run(&requests((start..end).map(&item), |item, out| {
            rival.store(item, out);
        }));
    }
}
