//! Larder.

use super::{Rival, answer};
use crate::item::{Item, TTL_S};
use crate::requests::Requests;
use redis::Connection;

pub(crate) struct Larder;

impl Rival for Larder {
    fn name(&self) -> &'static str {
        "Larder"
    }

    fn store(&self, item: &Item<'_>, out: &mut Requests) {
        let (key, count) = (item.key.as_bytes(), item.tags.len().to_string());
        let mut words: Vec<&[u8]> = vec![b"CACHE.SET", key, item.value, b"EX", TTL_S.as_bytes()];
        if !item.tags.is_empty() {
            words.extend([b"TAGS".as_slice(), count.as_bytes()]);
            words.extend(item.tags.iter().map(|tag| tag.as_bytes()));
        }
        out.command(&words);
    }

    fn read(&self, item: &Item<'_>, out: &mut Requests) {
        out.command(&[b"CACHE.GET", item.key.as_bytes()]);
    }

    fn invalidate(&self, tag: &str, c: &mut Connection) {
        let _: usize = answer(redis::cmd("CACHE.INVALIDATE").arg(tag), c);
    }

    fn invalidation_commands(&self) -> &'static [&'static str] {
        &["cache.invalidate"]
    }

    fn serves(&self, item: &Item<'_>, c: &mut Connection) -> bool {
        answer(redis::cmd("CACHE.EXISTS").arg(&item.key), c)
    }
}
