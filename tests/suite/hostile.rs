//! Nonsense of every kind: an error or an answer, never a crash.

use redis::Value;

use crate::common::{Client, Random, Server};

const COMMANDS: [&str; 17] = [
    "SET",
    "GET",
    "MGET",
    "GETEX",
    "EXISTS",
    "GETORLOCK",
    "RENEW",
    "UNLOCK",
    "SETTAGS",
    "TAGS",
    "INVALIDATE",
    "MARKSTALE",
    "INFO",
    "TAGINFO",
    "TAGSCAN",
    "TAGLIST",
    "STATS",
];

/// Arguments that are option words, numbers at every border, keys of each kind, and noise.
fn soup() -> Vec<Vec<u8>> {
    let words = "k list string stale tagged pending a b 0 1 -1 2 00 +1 1.5 1e9 nan -inf 60000 \
        9007199254740991 9007199254740992 9223372036854775807 9223372036854775808 \
        -9223372036854775808 18446744073709551615 NX XX EX PX EXAT PXAT KEEPTTL GRACE PGRACE TOKEN \
        TAGS STALE WITHMETA NOMISS PERSIST LEASE WAIT EARLY FRESH BOUND BACKOFF MATCH COUNT PREFIX \
        PREFIXES RESET [ [^ * ? \\ [a- cache-ent";
    let mut soup: Vec<_> = words
        .split_whitespace()
        .map(|word| word.as_bytes().to_vec())
        .collect();
    soup.extend([
        vec![],
        vec![0],
        b"\xff\xfe".to_vec(),
        b"\r\n+OK\r\n".to_vec(),
        vec![b'x'; 5000],
    ]);
    soup.push(b"*".repeat(300));
    soup
}

fn prepare(c: &mut Client) {
    c.check("CACHE.SET k v", "OK");
    c.check("RPUSH list x", ":1");
    c.check("SET string x", "OK");
    c.check("CACHE.SET tagged v EX 100 GRACE 100 TAGS 2 a b", "OK");
    c.check("CACHE.SET stale v PX 100000 PGRACE 100000", "OK");
    c.check("PEXPIRE stale 50000", ":1");
    c.lease("pending LEASE 60000");
}

#[test]
fn random_arguments_do_no_harm() {
    let s = Server::start();
    let mut c = s.client();
    let (soup, mut random) = (soup(), Random::new(42));
    for round in 0..20 {
        c.check("FLUSHALL", "OK");
        prepare(&mut c);
        for _ in 0..500 {
            let command = format!("CACHE.{}", random.pick(&COMMANDS));
            let mut words = vec![command.into_bytes()];
            words.extend((0..random.below(9)).map(|_| random.pick(&soup).clone()));
            // Nobody would ever end this wait.
            if !words.contains(&b"WAIT".to_vec()) {
                c.run(words.as_slice());
            }
        }
        c.check("PING", "PONG");
        assert!(c.stats().int("entries") >= 0, "round {round}");
    }
}

#[test]
fn random_arguments_of_internal_commands_do_no_harm() {
    let s = Server::start();
    let mut c = s.client();
    let listed = c.sorted("COMMAND LIST FILTERBY MODULE cache");
    let internal: Vec<_> = listed
        .iter()
        .filter(|name| name.starts_with("cache.apply"))
        .collect();
    let (soup, mut random) = (soup(), Random::new(7));
    for _ in 0..5_000 {
        let Some(command) = internal.get(random.below(internal.len().max(1))) else {
            return;
        };
        let mut words = vec![command.as_bytes().to_vec()];
        words.extend((0..random.below(12)).map(|_| random.pick(&soup).clone()));
        c.run(words.as_slice());
    }
    c.check("PING", "PONG");
    c.check("FLUSHALL", "OK");
    assert_eq!(c.stats().int("entries"), 0);
}

#[test]
fn very_large_arguments_are_answered() {
    let s = Server::start();
    let mut c = s.client();
    let large = vec![b'x'; 20_000_000];
    c.check([b"CACHE.SET", &large[..100_000], &large], "OK");
    assert_eq!(
        c.bytes([b"CACHE.GET", &large[..100_000]]).len(),
        large.len()
    );
    let reply = c.text([b"CACHE.SET", &b"k"[..], b"v", b"TAGS", b"1", &large]);
    assert!(reply.starts_with("-ERR "), "{reply}");
    let many: Vec<_> = (0..100_000).map(|i| format!("t{i}")).collect();
    c.check(format!("CACHE.INVALIDATE {}", many.join(" ")), ":0");
    let reply = c.text(format!("CACHE.SET k v TAGS 100000 {}", many.join(" ")));
    assert!(reply.starts_with("-ERR "), "{reply}");
    let reply = c.text(format!("CACHE.SETTAGS k {}", many.join(" ")));
    assert!(reply.starts_with("-ERR "), "{reply}");
    c.check(
        format!("CACHE.SET k v TAGS 100000 {}", "same ".repeat(100_000)),
        "OK",
    );
}

/// Patterns that make a naive matcher try for ever.
#[test]
fn a_costly_pattern_costs_little() {
    let s = Server::start();
    let mut c = s.client();
    c.check(format!("CACHE.SET k v TAGS 1 {}", "a".repeat(1000)), "OK");
    c.check(
        format!("CACHE.TAGLIST 0 MATCH {}b", "a*".repeat(500)),
        "[0 []]",
    );
}

#[test]
fn a_command_of_the_module_cannot_be_confused_by_protocol_bytes() {
    let s = Server::start();
    let mut c = s.client();
    let key = b"k\r\n-ERR x\r\n";
    c.check([b"CACHE.SET", &key[..], b"v", b"TAGS", b"1", key], "OK");
    let reply = c.run("CACHE.TAGSCAN none 0");
    assert!(matches!(reply, Value::Array(_)));
    c.check([b"CACHE.TAGS", &key[..]], r"[k\r\n-ERR x\r\n]");
    c.check([b"CACHE.TAGSCAN", &key[..], b"0"], r"[0 [k\r\n-ERR x\r\n]]");
    let reply = c.text([b"CACHE.SET", &b"k"[..], b"v", b"\r\nNONSENSE\xff"]);
    assert_eq!(reply, "-ERR syntax error");
    c.check("PING", "PONG");
}
