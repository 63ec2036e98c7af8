//! The common recipe: the keys of a tag in a set, which lives as long as its youngest entry.
//! Clearing a tag reads the set and deletes all it names.

use super::{Rival, answer};
use crate::item::{Item, TTL_S};
use crate::requests::Requests;
use redis::Connection;

pub(crate) struct Sets;

impl Rival for Sets {
    fn name(&self) -> &'static str {
        "sets"
    }

    fn store(&self, item: &Item<'_>, out: &mut Requests) {
        let (key, ttl) = (item.key.as_bytes(), TTL_S.as_bytes());
        out.command(&[b"SETEX", key, ttl, item.value]);
        for tag in &item.tags {
            let set = set_of(tag);
            out.command(&[b"SADD", set.as_bytes(), key]);
            out.command(&[b"EXPIRE", set.as_bytes(), ttl]);
        }
    }

    fn invalidate(&self, tag: &str, c: &mut Connection) {
        let set = set_of(tag);
        let keys: Vec<String> = answer(redis::cmd("SMEMBERS").arg(&set), c);
        let _: usize = answer(redis::cmd("DEL").arg(set).arg(keys), c);
    }

    fn invalidation_commands(&self) -> &'static [&'static str] {
        &["smembers", "del"]
    }
}

pub(crate) fn set_of(tag: &str) -> String {
    format!("tag:{tag}")
}
