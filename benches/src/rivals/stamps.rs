//! A version stamp per tag, as FusionCache, bentocache and Symfony's `TagAwareAdapter` have it. The
//! value carries the stamps its tags had when it was stored; whoever reads it fetches those of
//! today along with it and compares. Clearing a tag changes its stamp.

use super::{Rival, answer};
use crate::item::{Item, TTL_S};
use crate::requests::Requests;
use redis::Connection;

pub(crate) struct Stamps;

/// The stamp of a tag that was never cleared.
const NEVER: &str = "0";

impl Rival for Stamps {
    fn name(&self) -> &'static str {
        "version stamps"
    }

    fn store(&self, item: &Item<'_>, out: &mut Requests) {
        let stamps = stamps_of(item);
        let mut words: Vec<&[u8]> = vec![b"MGET"];
        words.extend(stamps.iter().map(String::as_bytes));
        out.command(&words);
        let value = [never_cleared(item).as_bytes(), item.value].concat();
        let (key, ttl) = (item.key.as_bytes(), TTL_S.as_bytes());
        out.command(&[b"SETEX", key, ttl, &value]);
    }

    fn read(&self, item: &Item<'_>, out: &mut Requests) {
        let stamps = stamps_of(item);
        let mut words: Vec<&[u8]> = vec![b"MGET", item.key.as_bytes()];
        words.extend(stamps.iter().map(String::as_bytes));
        out.command(&words);
    }

    fn invalidate(&self, tag: &str, c: &mut Connection) {
        let _: usize = answer(redis::cmd("INCR").arg(stamp_of(tag)), c);
    }

    fn invalidation_commands(&self) -> &'static [&'static str] {
        &["incr"]
    }

    fn serves(&self, item: &Item<'_>, c: &mut Connection) -> bool {
        let mut read = redis::cmd("MGET");
        read.arg(&item.key).arg(stamps_of(item));
        let found: Vec<Option<String>> = answer(&read, c);
        let stamps = found[1..].iter();
        let today: Vec<&str> = stamps
            .map(|stamp| stamp.as_deref().unwrap_or(NEVER))
            .collect();
        let value = found[0].as_deref().unwrap_or_default();
        value.starts_with(&prefix(&today))
    }
}

fn never_cleared(item: &Item<'_>) -> String {
    prefix(&vec![NEVER; item.tags.len()])
}

/// What stands before the value.
fn prefix(stamps: &[&str]) -> String {
    format!("{}|", stamps.join(","))
}

fn stamps_of(item: &Item<'_>) -> Vec<String> {
    item.tags.iter().map(|tag| stamp_of(tag)).collect()
}

fn stamp_of(tag: &str) -> String {
    format!("stamp:{tag}")
}
