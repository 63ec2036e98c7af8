//! The append-only file, rewritten again and again while everybody writes.

use std::thread;

use crate::common::{Random, Running, Server, settled_holdings, show};

/// Random writes until the file has been rewritten so many times. Then the server is killed: what
/// comes back is, to the last bit of every key, what was there.
fn check_rewriting(preamble: &str) {
    let lines = "appendonly yes\nappendfsync always\nauto-aof-rewrite-percentage 0";
    let mut s = Server::with(&format!("{lines}\naof-use-rdb-preamble {preamble}"));
    let (running, server) = (&Running::default(), &s);
    let copies = server.client().stays_when_it_copies();
    thread::scope(|scope| {
        for seed in 1..=3 {
            let (mut c, mut random, mut token) = (server.client(), Random::new(seed), 1);
            scope.spawn(move || {
                while running.goes_on() {
                    let write = random.write(token);
                    if !copies && write.contains(" DB ") {
                        continue;
                    }
                    let reply = show(&c.run(write));
                    if let Some((_, granted)) = reply.trim_end_matches(']').rsplit_once(" :") {
                        token = granted.parse().unwrap_or(token);
                    }
                }
            });
        }
        let mut c = server.client();
        running.during(|| (0..6).for_each(|_| c.rewrite_aof()));
    });
    let before = settled_holdings(&s);
    s.crash();
    let after = settled_holdings(&s);
    assert!(!before.is_empty());
    for name in before.keys().chain(after.keys()) {
        assert_eq!(before.get(name), after.get(name), "before, after: {name}");
    }
    s.client().check("DEBUG RELOAD", "OK");
    assert_eq!(settled_holdings(&s), before);
}

#[test]
fn a_file_rewritten_under_load_brings_all_back() {
    check_rewriting("no");
}

#[test]
fn a_file_rewritten_under_load_with_a_preamble_brings_all_back() {
    check_rewriting("yes");
}
