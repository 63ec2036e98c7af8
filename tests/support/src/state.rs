//! What the module keeps beside the keys, and that nothing of it stays behind.

use super::client::Client;
use super::reply::show;
use super::wait::wait_until;

/// The gauges `entries`, `tags` and `entries-dead`.
#[track_caller]
pub fn gauges(c: &mut Client) -> [i64; 3] {
    let stats = c.stats();
    ["entries", "tags", "entries-dead"].map(|name| stats.int(name))
}

/// Deletes all keys by name and waits until the index is as it was before the first of them.
#[track_caller]
pub fn wait_for_nothing(c: &mut Client, index_bytes_at_start: i64) {
    for db in 0..4 {
        c.check(format!("SELECT {db}"), "OK");
        for key in c.array("KEYS *") {
            c.run(format!("DEL {}", show(&key)));
        }
    }
    wait_until("the gauges are at zero", || gauges(c) == [0, 0, 0]);
    wait_for_memory(c, index_bytes_at_start);
}

/// Waits until the index takes no more than it did; it is given back in the background.
#[track_caller]
pub fn wait_for_memory(c: &mut Client, index_bytes_at_start: i64) {
    wait_until("the memory of the index is given back", || {
        c.stats().int("index-bytes") <= index_bytes_at_start
    });
}
