//! Payloads that are damaged on purpose, with a checksum that fits: `RESTORE` refuses each, or
//! makes an entry of it that reads like any other. The server lives on and its memory is its own.

use larder_test_support::payload::{FOOTER, sealed};
use larder_test_support::{Client, Fields, Random, Server, show, wait_for_memory, wait_until};
use redis::Value;

use super::options::Options;

const OPERATIONS: u64 = 1_000_000;

/// Payloads that are restored, looked at and deleted together.
const BATCH: usize = 500;

/// Kind of value, and the name of its type with the encoding version.
const HEAD: usize = 10;

/// What a batch may take for each byte of its payloads: zeros compress well.
const BYTES_PER_BYTE: i64 = 100;
/// What it may take besides: the server's own buffers.
const BYTES_BESIDES: i64 = 4 << 20;
/// How much more of the machine's memory the server may ever have touched.
const TOUCHED_KB: i64 = 64 << 10;

/// Forges and restores payloads.
pub(crate) fn run(options: Options) -> String {
    let operations = options.operations.unwrap_or(OPERATIONS);
    // What the server has to say of each payload would fill the disk.
    let server = Server::with("logfile \"\"");
    let mut c = server.client();
    let seeds = seeds(&mut c);
    c.check("FLUSHALL", "OK");
    let empty = c.stats().int("index-bytes");
    c.check("CACHE.SET witness v TAGS 1 witness", "OK");
    let touched = touched_kb(&mut c);
    let mut random = Random::new(options.seed);
    let (mut done, mut accepted) = (0, 0);
    while done < operations {
        let payloads: Vec<_> = (0..BATCH).map(|_| forge(&mut random, &seeds)).collect();
        accepted += restore(&mut c, &payloads);
        done += BATCH as u64;
        // After a bug in the module everything cached counts as dead.
        c.check("CACHE.GET witness", "v");
        if done % 10_000 == 0 {
            assert_eq!(c.complaints(), None, "CACHE.VERIFY, seed {}", options.seed);
        }
        if done % 100_000 == 0 {
            eprintln!("corrupt: {done} payloads, {accepted} accepted");
        }
    }
    c.check("DEL witness", ":1");
    wait_until("the dead are reclaimed", || c.int("DBSIZE") == 0);
    wait_for_memory(&mut c, empty);
    let more = touched_kb(&mut c) - touched;
    assert!(more < TOUCHED_KB, "the server touched {more} kB more");
    format!("{done} payloads, {accepted} accepted, {more} kB more touched at most")
}

/// Sound payloads of every kind of entry.
fn seeds(c: &mut Client) -> Vec<Vec<u8>> {
    let tags: Vec<_> = (0..100).map(|i| format!("tag:{i}")).collect();
    for entry in [
        "plain v",
        "number 1234567",
        "rich value PX 100000 PGRACE 50000 TAGS 3 a b longer-tag",
        "marked v EX 100 GRACE 50 TAGS 1 m",
        "held v PX 100000 PGRACE 1000 TAGS 1 m",
        &format!("compressed {} TAGS 1 a", "ab".repeat(5_000)),
        &format!("tagged v TAGS 100 {}", tags.join(" ")),
    ] {
        c.check(format!("CACHE.SET {entry}"), "OK");
    }
    c.check("CACHE.MARKSTALE m", ":2");
    c.refresh("held LEASE 60000", "stale v");
    let token = c.lease("filled");
    let fill = format!("CACHE.SET filled v EX 100 TOKEN {token} TAGS 1 a");
    c.check(fill, "OK");
    c.lease("pending LEASE 60000");
    c.check("CONFIG SET cache.reclaim-inline 0", "OK");
    // In one go, or the reclaimer is quicker.
    let dying = "CACHE.SET dead v TAGS 1 d\nCACHE.INVALIDATE d";
    let names = "dead plain number rich compressed tagged marked held filled pending";
    let dumps = names.split(' ').map(|name| format!("DUMP {name}"));
    let replies = c.pipeline(dying.lines().map(String::from).chain(dumps));
    let payloads = replies.into_iter().skip(2).map(|reply| match reply {
        Value::BulkString(payload) => payload,
        other => panic!("no payload: {}", show(&other)),
    });
    payloads.collect()
}

/// A sound payload with a few changes, sealed again.
fn forge(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let seed = random.pick(seeds);
    let mut body = seed[..seed.len() - FOOTER].to_vec();
    for _ in 0..=random.below(3) {
        change(random, &mut body, seeds);
    }
    sealed(&body, seed)
}

fn change(random: &mut Random, body: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    // The first byte says what kind of value follows; the server's own kinds are not ours to test.
    // The type's name is seldom touched: what comes of that is soon known.
    let first = if random.below(50) == 0 { 1 } else { HEAD };
    if body.len() <= first {
        return;
    }
    let at = first + random.below(body.len() - first);
    match random.below(8) {
        0 => body[at] ^= 1 << random.below(8),
        1 => body[at] = *random.pick(&[0, 1, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xff]),
        2 => body.truncate(at),
        3 => drop(body.drain(at..(at + 1 + random.below(8)).min(body.len()))),
        4 => drop(body.splice(at..at, (0..1 + random.below(8)).map(|_| 0x55))),
        5 => {
            let other = random.pick(seeds);
            let from = HEAD + random.below(other.len() - FOOTER - HEAD);
            body.truncate(at);
            body.extend(&other[from..other.len() - FOOTER]);
        }
        6 => {
            let length = LENGTHS[random.below(LENGTHS.len())];
            let end = (at + length.len()).min(body.len());
            body.splice(at..end, length.iter().copied());
        }
        _ => {
            let from = first + random.below(body.len() - first);
            let piece = body[from.min(at)..from.max(at)].to_vec();
            body.splice(at..at, piece.into_iter().take(64));
        }
    }
}

/// Lengths as far from the truth as can be: the server's own form, compressed strings, LEB128.
const LENGTHS: [&[u8]; 9] = [
    b"\x80\xff\xff\xff\xff",
    b"\x80\x7f\xff\xff\xff",
    b"\x80\x10\x00\x00\x00",
    b"\x81\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x81\x00\x00\x00\x01\x00\x00\x00\x00",
    b"\xc3\x20\x80\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\x03",
    b"\xff\xff\xff\xff\x0f",
];

/// Restores payloads, looks at what was accepted, and deletes it. How many were.
fn restore(c: &mut Client, payloads: &[Vec<u8>]) -> u64 {
    let before = memory(c);
    let keys: Vec<_> = (0..payloads.len()).map(|i| format!("r{i}")).collect();
    let restores = keys
        .iter()
        .zip(payloads)
        .map(|(key, payload)| [&b"RESTORE"[..], key.as_bytes(), b"0", payload, b"REPLACE"]);
    let replies = c.pipeline(restores);
    let grown = memory(c) - before;
    let sent: usize = payloads.iter().map(Vec::len).sum();
    let most = BYTES_PER_BYTE * i64::try_from(sent).expect("few bytes") + BYTES_BESIDES;
    assert!(grown < most, "{sent} bytes of payloads took {grown} bytes");
    let mut accepted = Vec::new();
    for ((key, payload), reply) in keys.iter().zip(payloads).zip(&replies) {
        match show(reply).as_str() {
            "OK" => accepted.push((key.as_str(), payload)),
            error => assert!(
                error.starts_with("-ERR "),
                "{error}: {}",
                payload.escape_ascii()
            ),
        }
    }
    check_readable(c, &accepted);
    c.run(format!("DEL {}", keys.join(" ")));
    accepted.len() as u64
}

/// Reads each entry in every way there is. The readings must agree.
fn check_readable(c: &mut Client, accepted: &[(&str, &Vec<u8>)]) {
    let forms = [
        "CACHE.GET {} STALE",
        "CACHE.INFO {}",
        "CACHE.TAGS {}",
        "DUMP {}",
        "CACHE.GET {}",
    ];
    let reads = accepted
        .iter()
        .flat_map(|(key, _)| forms.map(|form| form.replace("{}", key)));
    let replies = c.pipeline(reads);
    for (replies, (_, payload)) in replies.chunks(forms.len()).zip(accepted) {
        let sound = match replies {
            [Value::Nil, Value::Nil, Value::Nil, _, Value::Nil] => true,
            [
                Value::BulkString(value),
                info @ Value::Array(_),
                Value::Array(tags),
                Value::BulkString(_),
                now,
            ] => {
                let info = Fields::of(info.clone());
                let fresh = info.text("state") == "fresh";
                info.int("size") == i64::try_from(value.len()).expect("a length")
                    && info.get("tags") == &Value::Array(tags.clone())
                    && fresh == (now != &Value::Nil)
            }
            _ => false,
        };
        assert!(sound, "{replies:?}: {}", payload.escape_ascii());
    }
}

fn memory(c: &mut Client) -> i64 {
    c.server_info("memory", "used_memory")
        .parse()
        .expect("bytes")
}

/// The most memory of the machine that the server has had at once, in kB.
fn touched_kb(c: &mut Client) -> i64 {
    let id = c.server_info("server", "process_id");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.expect("a peak").parse().expect("kB")
}
