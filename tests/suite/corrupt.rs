//! Payloads and files that are damaged, forged or from another release: refused with a reason, or
//! read as an entry like any other.

use std::fs;

use crate::common::payload::{FOOTER, seal, sealed};
use crate::common::{Client, Random, Server, show, wait_until};

/// The bytes of `DUMP` before the server's own name of the type: its kind.
const KIND: usize = 1;
/// Kind, and the type's name with its encoding version in the lowest ten bits.
const HEAD: usize = 10;

fn rich(c: &mut Client) -> Vec<u8> {
    let set = "CACHE.SET rich value PX 100000 PGRACE 50000 TAGS 3 a b longer-tag";
    c.check(set, "OK");
    c.bytes("DUMP rich")
}

fn body(payload: &[u8]) -> &[u8] {
    &payload[..payload.len() - FOOTER]
}

#[test]
fn the_checksum_of_these_tests_is_the_servers() {
    let s = Server::start();
    let payload = rich(&mut s.client());
    let mut again = payload.clone();
    seal(&mut again);
    assert_eq!(again, payload);
}

/// Restores a payload; whatever comes of it must be an entry like any other, or an error.
fn check_restore(c: &mut Client, payload: &[u8]) {
    let reply = c.text([&b"RESTORE"[..], b"r", b"0", payload, b"REPLACE"]);
    assert!(reply == "OK" || reply.starts_with("-ERR "), "{reply}");
    if reply != "OK" || c.text("TYPE r") != "cache-ent" {
        return;
    }
    check_readable(c, "r");
    c.run("CACHE.GETORLOCK r");
    c.run("CACHE.SETTAGS r x y");
    c.check("CACHE.SET r fine TAGS 1 a", "OK");
    c.check("CACHE.GET r", "fine");
}

fn check_readable(c: &mut Client, key: &str) {
    for command in [
        "CACHE.GET {} STALE WITHMETA",
        "CACHE.INFO {}",
        "CACHE.TAGS {}",
        "DUMP {}",
    ] {
        let command = command.replace("{}", key);
        let reply = show(&c.run(command.as_str()));
        assert!(!reply.starts_with('-'), "{command}: {reply}");
    }
}

#[test]
fn every_changed_byte_of_a_payload_is_survived() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET plain v", "OK");
    c.lease("pending LEASE 60000");
    let payloads = [c.bytes("DUMP plain"), rich(&mut c), c.bytes("DUMP pending")];
    for payload in payloads {
        for i in 0..body(&payload).len() {
            for change in [0x01, 0x80, 0xff, payload[i]] {
                let mut changed = payload.clone();
                changed[i] ^= change;
                seal(&mut changed);
                check_restore(&mut c, &changed);
            }
        }
    }
    c.check("FLUSHALL", "OK");
    assert_eq!((c.stats().int("entries"), c.stats().int("tags")), (0, 0));
}

#[test]
fn every_cut_of_a_payload_is_survived() {
    let s = Server::start();
    let mut c = s.client();
    let payload = rich(&mut c);
    let body = body(&payload);
    for cut in 0..body.len() {
        let (before, after) = body.split_at(cut);
        for forged in [
            before.to_vec(),
            [before, &after[1..]].concat(),
            [before, &[0x55], after].concat(),
        ] {
            check_restore(&mut c, &sealed(&forged, &payload));
        }
    }
}

#[test]
fn an_unchanged_payload_is_restored() {
    let s = Server::start();
    let mut c = s.client();
    let payload = rich(&mut c);
    let payload = sealed(body(&payload), &payload);
    c.check([&b"RESTORE"[..], b"r", b"0", &payload], "OK");
    c.check("CACHE.GET r", "value");
    c.check("CACHE.INVALIDATE a", ":2");
}

/// Restores a forged payload, which must be refused, and gives what the server's log says of it.
fn refusal(forge: impl FnOnce(&mut [u8])) -> String {
    let s = Server::start();
    let mut c = s.client();
    let mut payload = rich(&mut c);
    forge(&mut payload);
    seal(&mut payload);
    let restore = [&b"RESTORE"[..], b"r", b"0", &payload];
    c.check(restore, "-ERR Bad data format");
    c.check("EXISTS r", ":0");
    s.log()
}

#[test]
fn a_payload_of_a_newer_release_is_refused_with_a_reason() {
    // Behind the head: what follows is a string, its length, and the metadata's version.
    let log = refusal(|payload| payload[HEAD + 2] = 2);
    assert!(
        log.contains("format version 2 is not known, the newest known is 1"),
        "{log}"
    );
}

#[test]
fn a_payload_of_a_newer_encoding_is_refused_with_a_reason() {
    // The encoding is in the lowest bits of the type's name.
    let log = refusal(|payload| payload[HEAD - 1] += 1);
    assert!(log.contains("encoding 2 is not known, only 1"), "{log}");
}

/// What the server finds at start: a snapshot of every kind of entry, and their payloads.
fn snapshot() -> (Server, Vec<Vec<u8>>) {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    rich(&mut c);
    c.check("CACHE.SET plain v", "OK");
    c.check(
        format!("CACHE.SET compressed {} TAGS 1 a", "ab".repeat(500)),
        "OK",
    );
    c.check("CACHE.SET marked v EX 100 GRACE 50 TAGS 1 m", "OK");
    c.check("CACHE.MARKSTALE m", ":1");
    c.check("CACHE.SET held v PX 100000 PGRACE 30000 TAGS 1 h", "OK");
    c.check("CACHE.MARKSTALE h", ":1");
    for (key, grace) in [("marked", 50_000), ("held", 30_000)] {
        wait_until("the mark is in the entry", || {
            c.int(format!("PTTL {key}")) <= grace
        });
    }
    c.refresh("held LEASE 60000", "stale v");
    c.lease("pending LEASE 60000");
    let keys = ["rich", "plain", "compressed", "marked", "held", "pending"];
    let payloads = keys.map(|key| c.bytes(format!("DUMP {key}")));
    c.check("SAVE", "OK");
    (s, payloads.to_vec())
}

/// Starts a server that has ended. It must come up, all it holds readable, or end with a reason.
fn check_start(s: &mut Server) -> Result<(), String> {
    let started = s.try_start_again();
    if started.is_ok() {
        let mut c = s.client();
        for key in c.array("KEYS *") {
            check_readable(&mut c, &show(&key));
        }
        assert_eq!(c.complaints(), None);
        s.kill();
    }
    let log = s.log();
    assert!(!log.contains("BUG REPORT"), "{log}");
    started
}

#[test]
fn a_damaged_snapshot_loads_or_the_server_says_why_not() {
    let (mut s, payloads) = snapshot();
    s.kill();
    let file = s.dir().join("dump.rdb");
    let sound = fs::read(&file).unwrap();
    let (mut random, mut refused) = (Random::new(1), 0);
    for payload in payloads.iter().cycle().take(20) {
        // The kind is left alone: the server's own types are not ours to test.
        let entry = &body(payload)[KIND..];
        let start = sound
            .windows(entry.len())
            .position(|window| window == entry);
        let mut damaged = sound.clone();
        let at = start.expect("the entry as DUMP gives it") + random.below(entry.len());
        damaged[at] ^= 1 << random.below(8);
        seal(&mut damaged);
        fs::write(&file, &damaged).unwrap();
        if let Err(log) = check_start(&mut s) {
            assert!(log.contains("Internal error in RDB"), "byte {at}: {log}");
            refused += 1;
        }
    }
    assert!((1..20).contains(&refused), "{refused} of 20 refused");
}

#[test]
fn a_snapshot_that_ends_too_early_is_refused_with_a_reason() {
    let (mut s, _) = snapshot();
    s.kill();
    let file = s.dir().join("dump.rdb");
    let sound = fs::read(&file).unwrap();
    for cut in (1..sound.len()).step_by(sound.len() / 12) {
        fs::write(&file, &sound[..cut]).unwrap();
        let log = check_start(&mut s).expect_err("half a snapshot");
        assert!(log.contains("Internal error in RDB"), "{log}");
    }
    fs::write(&file, sound).unwrap();
    check_start(&mut s).expect("the whole snapshot");
}

/// What the server could not write before it was cut off is not there; all before is, as a whole.
#[test]
fn an_append_only_file_that_ends_too_early_loads_up_to_there() {
    let mut s = Server::with("appendonly yes\nappendfsync always\nauto-aof-rewrite-percentage 0");
    let mut c = s.client();
    for i in 0..8 {
        c.check(
            format!("CACHE.SET k{i} value-{i} EX 100 GRACE 100 TAGS 2 a own{i}"),
            "OK",
        );
    }
    s.kill();
    let file = s.dir().join("appendonlydir/appendonly.aof.1.incr.aof");
    let whole = fs::read(&file).unwrap();
    for cut in (0..whole.len()).step_by(whole.len() / 12) {
        fs::write(&file, &whole[..cut]).unwrap();
        s.start_again();
        let mut c = s.client();
        let kept = c.int("DBSIZE");
        for i in 0..kept {
            c.check(format!("CACHE.GET k{i}"), &format!("value-{i}"));
            assert_eq!(
                c.sorted(format!("CACHE.TAGS k{i}")),
                ["a".into(), format!("own{i}")]
            );
            assert!(c.int(format!("PTTL k{i}")) > 100_000, "its expiry is lost");
        }
        c.check("CACHE.INVALIDATE a", &format!(":{kept}"));
        s.kill();
    }
    fs::write(&file, whole).unwrap();
    s.start_again();
    wait_until("all are back", || s.client().int("DBSIZE") == 8);
}
