//! Everything a server may do to a key, done to every kind of entry. After each the index is
//! recounted, and what is left of the entry compared with what should be.

use crate::common::{Client, Server, Setup, gauges, wait_for_memory, wait_until};

/// A kind of entry: how one comes about (`{k}` is its key), and its state once it has been carried
/// somewhere, where a lease does not follow.
struct Kind {
    name: &'static str,
    made_by: &'static [&'static str],
    carried: Option<&'static str>,
}

const KINDS: [Kind; 8] = [
    Kind {
        name: "untagged",
        made_by: &["CACHE.SET {k} v PX 90000"],
        carried: Some("fresh"),
    },
    Kind {
        name: "tagged",
        made_by: &["CACHE.SET {k} v PX 90000 PGRACE 90000 TAGS 2 a b"],
        carried: Some("fresh"),
    },
    Kind {
        name: "big",
        made_by: &["CACHE.SET {k} {big} TAGS 2 a b"],
        carried: Some("fresh"),
    },
    Kind {
        name: "marked",
        made_by: &[
            "CACHE.SET {k} v PX 90000 PGRACE 90000 TAGS 2 a b",
            "CACHE.MARKSTALE a",
        ],
        carried: Some("stale"),
    },
    Kind {
        name: "leased",
        made_by: &[
            "CACHE.SET {k} v PX 90000 PGRACE 90000 TAGS 2 a b",
            "CACHE.MARKSTALE b",
            "CACHE.GETORLOCK {k} LEASE 60000",
        ],
        carried: Some("stale"),
    },
    // The lease keeps the key for longer than its value.
    Kind {
        name: "held",
        made_by: &[
            "CACHE.SET {k} v PX 90000 PGRACE 30000 TAGS 2 a b",
            "CACHE.MARKSTALE b",
            "CACHE.GETORLOCK {k} LEASE 60000",
        ],
        carried: Some("stale"),
    },
    Kind {
        name: "dead",
        made_by: &["CACHE.SET {k} v TAGS 2 a b", "CACHE.INVALIDATE a"],
        carried: None,
    },
    Kind {
        name: "pending",
        made_by: &["CACHE.GETORLOCK {k} LEASE 60000"],
        carried: None,
    },
];

/// What is done to the entry of `k`; `over` is another entry. Then it is to be found at these keys
/// and databases.
struct Act {
    name: &'static str,
    done_by: &'static [&'static str],
    found: &'static [(&'static str, i64)],
}

const fn act(
    name: &'static str,
    done_by: &'static [&'static str],
    found: &'static [(&'static str, i64)],
) -> Act {
    Act {
        name,
        done_by,
        found,
    }
}

const ACTS: [Act; 22] = [
    act("deleted", &["DEL k"], &[]),
    act("unlinked", &["UNLINK k"], &[]),
    act("overwritten by a string", &["SET k string"], &[]),
    act(
        "overwritten by an entry",
        &["CACHE.SET k other TAGS 1 c"],
        &[],
    ),
    act(
        "overwritten by another type",
        &["SADD s x", "RENAME s k"],
        &[],
    ),
    act("sorted over", &["RPUSH list 2 1", "SORT list STORE k"], &[]),
    act("expired in the past", &["PEXPIREAT k 1"], &[]),
    act(
        "expired, then read",
        &["DEBUG SET-ACTIVE-EXPIRE 0", "PEXPIRE k 1", "WAIT-OVER k"],
        &[],
    ),
    act("expired, unread", &["PEXPIRE k 1", "WAIT-GONE k"], &[]),
    act("evicted", &["CONFIG SET maxmemory 1", "WAIT-GONE k"], &[]),
    act("flushed", &["FLUSHALL SYNC"], &[]),
    act("flushed in the background", &["FLUSHALL ASYNC"], &[]),
    act("flushed with its database", &["FLUSHDB"], &[]),
    act("renamed", &["RENAME k new"], &[("new", 0)]),
    act(
        "renamed twice",
        &["RENAME k new", "RENAMENX new k"],
        &[("k", 0)],
    ),
    act("renamed over another", &["RENAME k over"], &[("over", 0)]),
    act("moved", &["MOVE k 1"], &[("k", 1)]),
    act("swapped", &["SWAPDB 0 1"], &[("k", 1)]),
    act("copied", &["COPY k new", "DEL k"], &[("new", 0)]),
    act(
        "copied over another",
        &["COPY k over REPLACE"],
        &[("over", 0)],
    ),
    act(
        "copied to another database",
        &["COPY k over DB 2"],
        &[("over", 2)],
    ),
    act(
        "restored over another",
        &["DUMP-RESTORE k over"],
        &[("over", 0)],
    ),
];

const RELOADED: Act = act("reloaded", &["DEBUG RELOAD"], &[("k", 0)]);

/// Runs a command, or does one of the things that need more than one.
fn run(c: &mut Client, line: &str) {
    let big = "x".repeat(200 * 1024);
    match line.split_once(' ') {
        Some(("WAIT-OVER", key)) => {
            let servable = format!("CACHE.EXISTS {key}");
            wait_until("the value is over", || c.int(servable.as_str()) == 0);
        }
        Some(("WAIT-GONE", key)) => {
            // A lease keeps its key.
            let kept = c.text(format!("CACHE.INFO {key}")).contains("lease :");
            wait_until("only the other entry is left", || kept || gauges(c)[0] <= 1);
        }
        Some(("DUMP-RESTORE", keys)) => {
            let (from, to) = keys.split_once(' ').unwrap();
            let ttl = c.int(format!("PTTL {from}")).max(0).to_string();
            // What is dead may have been reclaimed already.
            if let redis::Value::BulkString(payload) = c.run(format!("DUMP {from}")) {
                let to = to.as_bytes();
                c.check([b"RESTORE", to, ttl.as_bytes(), &payload, b"REPLACE"], "OK");
            }
        }
        _ => {
            let reply = c.text(line.replace("{big}", &big));
            let may_be_gone = reply.contains("no such key");
            assert!(!reply.starts_with('-') || may_be_gone, "{line}: {reply}");
        }
    }
}

fn check_carried(c: &mut Client, kind: &Kind, key: &str, db: i64) {
    c.check(format!("SELECT {db}"), "OK");
    let Some(state) = kind.carried else {
        c.check(format!("CACHE.GET {key} STALE"), "nil");
        return c.check(format!("CACHE.EXISTS {key}"), ":0");
    };
    let info = c.info(key);
    assert_eq!(info.text("state"), state);
    assert_eq!(info.text("lease"), "nil");
    let tags: &[&str] = if kind.name == "untagged" {
        &[]
    } else {
        &["a", "b"]
    };
    assert_eq!(c.sorted(format!("CACHE.TAGS {key}")), tags);
    let size = if kind.name == "big" { 200 * 1024 } else { 1 };
    assert_eq!(c.bytes(format!("CACHE.GET {key} STALE")).len(), size);
}

/// One kind of entry, and one thing done to it.
fn check_one(c: &mut Client, kind: &Kind, act: &Act) {
    c.check("CACHE.SET over other TAGS 2 a c", "OK");
    for line in kind.made_by {
        run(c, &line.replace("{k}", "k"));
    }
    act.done_by.iter().for_each(|line| run(c, line));
    c.check("CONFIG SET maxmemory 0", "OK");
    c.check("DEBUG SET-ACTIVE-EXPIRE 1", "OK");
    act.found
        .iter()
        .for_each(|(key, db)| check_carried(c, kind, key, *db));
    assert_eq!(c.complaints(), None);
    for db in [2, 1, 0] {
        c.check(format!("SELECT {db}"), "OK");
        c.run("DEL k new over s list");
    }
}

fn check_all(lines: &str, acts: &[Act]) {
    let s = Server::set_up(&Setup {
        arguments: "reclaim-inline 0",
        lines: &format!("maxmemory-policy allkeys-random\n{lines}"),
        ..Setup::default()
    });
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    for act in acts {
        for kind in &KINDS {
            // Shown if the check fails.
            println!("{}, {}", kind.name, act.name);
            check_one(&mut c, kind, act);
        }
    }
    wait_until("all is gone", || gauges(&mut c) == [0, 0, 0]);
    wait_for_memory(&mut c, empty);
}

#[test]
fn whatever_is_done_to_a_key_the_index_is_exact() {
    check_all("", &ACTS);
}

#[test]
fn the_index_is_exact_as_well_when_values_are_freed_in_the_background() {
    let lazily = ["eviction", "expire", "server-del", "user-del", "user-flush"]
        .map(|what| format!("lazyfree-lazy-{what} yes"))
        .join("\n");
    check_all(&lazily, &ACTS);
}

#[test]
fn reloading_leaves_the_index_exact() {
    check_all("", &[RELOADED]);
}
