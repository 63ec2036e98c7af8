//! Laravel's way (since version 10): the keys of a tag in a sorted set, by the time they expire.
//! Clearing a tag scans the set a thousand at a time and deletes what it names, then the set.
//! (The expired are swept out by a scheduled task, which is not measured here.)

use super::Rival;
use crate::item::{Item, TTL_S};
use crate::requests::Requests;
use larder_test_support::{Client, show};
use redis::Value;
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

    fn invalidate(&self, tag: &str, c: &mut Client) {
        let set = set_of(tag);
        let mut cursor = "0".to_owned();
        loop {
            let page = c.array(format!("ZSCAN {set} {cursor} COUNT {PAGE}"));
            cursor = show(&page[0]);
            delete(&page[1], c);
            if cursor == "0" {
                break;
            }
        }
        c.int(format!("DEL {set}"));
    }

    fn invalidation_commands(&self) -> &'static [&'static str] {
        &["zscan", "del"]
    }
}

/// Deletes the members among members and scores.
fn delete(page: &Value, c: &mut Client) {
    let Value::Array(page) = page else {
        panic!("not a page of ZSCAN: {}", show(page));
    };
    let keys: Vec<String> = page.iter().step_by(2).map(show).collect();
    for chunk in keys.chunks(PAGE) {
        c.int(format!("DEL {}", chunk.join(" ")));
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
