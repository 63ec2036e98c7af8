//! Laravel's way (since version 10): the keys of a tag in a sorted set, by the time they expire.
//! Clearing a tag scans the set a thousand at a time and deletes what it names, then the set.
//! (The expired are swept out by a scheduled task, which is not measured here.)

use super::{Rival, answer};
use crate::item::{Item, TTL_S};
use crate::requests::Requests;
use redis::Connection;
use std::time::{SystemTime, UNIX_EPOCH};

const PAGE: usize = 1_000;

pub(crate) struct SortedSets;

impl Rival for SortedSets {
    fn name(&self) -> &'static str {
        "sorted sets"
    }

    fn store(&self, item: &Item<'_>, out: &mut Requests) {
        let (key, end) = (item.key.as_bytes(), end_s().to_string());
        for tag in &item.tags {
            let set = set_of(tag);
            out.command(&[b"ZADD", set.as_bytes(), end.as_bytes(), key]);
        }
        out.command(&[b"SETEX", key, TTL_S.as_bytes(), item.value]);
    }

    fn invalidate(&self, tag: &str, c: &mut Connection) {
        let set = set_of(tag);
        let mut cursor = 0;
        loop {
            let mut scan = redis::cmd("ZSCAN");
            scan.arg(&set).arg(cursor).arg("COUNT").arg(PAGE);
            let page: (u64, Vec<(String, f64)>) = answer(&scan, c);
            delete(&page.1, c);
            cursor = page.0;
            if cursor == 0 {
                break;
            }
        }
        let _: usize = answer(redis::cmd("DEL").arg(set), c);
    }

    fn invalidation_commands(&self) -> &'static [&'static str] {
        &["zscan", "del"]
    }
}

fn delete(page: &[(String, f64)], c: &mut Connection) {
    for chunk in page.chunks(PAGE) {
        let keys: Vec<&str> = chunk.iter().map(|(key, _)| key.as_str()).collect();
        let _: usize = answer(redis::cmd("DEL").arg(keys), c);
    }
}

fn set_of(tag: &str) -> String {
    format!("tag:{tag}:entries")
}

/// When an item stored now expires, in unix seconds.
fn end_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let ttl: u64 = TTL_S.parse().expect("a number");
    now.expect("a clock after 1970").as_secs() + ttl
}
