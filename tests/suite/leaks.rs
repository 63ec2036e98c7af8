//! G6: when the last key of a tag is gone, so is all that was kept for it.

use crate::common::{
    Client, Random, Server, gauges, show, wait_for_memory, wait_for_nothing, wait_until,
};

/// Runs random commands on a few keys, tags and databases.
fn use_at_random(c: &mut Client, seed: u64, commands: usize) {
    let (mut random, mut token) = (Random::new(seed), 1);
    for _ in 0..commands {
        let reply = show(&c.run(random.command(token)));
        if let Some((_, granted)) = reply.trim_end_matches(']').rsplit_once(" :") {
            token = granted.parse().unwrap_or(token);
        }
    }
}

#[test]
fn random_use_leaves_nothing_behind() {
    for seed in 1..=4 {
        let s = Server::start();
        let mut c = s.client();
        let empty = c.stats().int("index-bytes");
        use_at_random(&mut c, seed, 5_000);
        wait_for_nothing(&mut c, empty);
    }
}

#[test]
fn random_use_with_slow_reclaiming_leaves_nothing_behind() {
    let s = Server::with("cache.reclaim-inline 0\ncache.reclaim-slice-us 10");
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    use_at_random(&mut c, 9, 5_000);
    wait_for_nothing(&mut c, empty);
}

/// Large values, so that the server frees them on a thread of its own.
#[test]
fn random_use_with_lazy_freeing_leaves_nothing_behind() {
    let lazy = ["eviction", "expire", "server-del", "user-del", "user-flush"];
    let s = Server::with(
        &lazy
            .map(|when| format!("lazyfree-lazy-{when} yes\n"))
            .concat(),
    );
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    let large = vec![b'x'; 300_000];
    for round in 0..10 {
        use_at_random(&mut c, 40 + round, 200);
        for key in 0..30 {
            let key = format!("k{key}");
            c.check(
                [b"CACHE.SET", key.as_bytes(), &large, b"TAGS", b"1", b"t1"],
                "OK",
            );
        }
    }
    wait_for_nothing(&mut c, empty);
}

#[test]
fn random_use_and_a_reload_leave_nothing_behind() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    for seed in 20..24 {
        use_at_random(&mut c, seed, 1_000);
        c.check("DEBUG RELOAD", "OK");
    }
    wait_for_nothing(&mut c, empty);
}

#[test]
fn flushing_after_random_use_leaves_nothing_behind() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    use_at_random(&mut c, 30, 3_000);
    c.check("FLUSHALL", "OK");
    wait_until("the gauges are at zero", || gauges(&mut c) == [0, 0, 0]);
    wait_for_memory(&mut c, empty);
}

#[test]
fn tags_that_come_and_go_cost_nothing_in_the_end() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    for round in 0..20 {
        c.pipeline((0..500).map(|i| format!("CACHE.SET k{i} v TAGS 2 all r{round}i{i}")));
    }
    assert_eq!(gauges(&mut c), [500, 501, 0]);
    c.pipeline((0..500).map(|i| format!("CACHE.SETTAGS k{i} other{i}")));
    assert_eq!(gauges(&mut c), [500, 500, 0]);
    c.pipeline((0..500).map(|i| format!("CACHE.INVALIDATE other{i} never{i}")));
    wait_for_nothing(&mut c, empty);
}

#[test]
fn waiters_that_go_leave_nothing_behind() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    for _ in 0..3 {
        c.lease("k LEASE 60000");
        drop(s.waiters::<20>("k WAIT 60000"));
        wait_until("they are forgotten", || c.info("k").int("waiters") == 0);
        c.check("DEL k", ":1");
    }
    wait_for_nothing(&mut c, empty);
}
