//! G2: a value computed from what was there before a change is never stored after it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::common::{Client, Random, Running, Server, wait_until};

/// The source of truth, what readers may still see of it, and for how long.
#[derive(Default)]
struct World {
    truth: AtomicU64,
    oldest: AtomicU64,
    running: Running,
}

/// Up to three milliseconds, so that everything happens in every order.
fn dawdle(random: &mut Random) {
    let micros = u64::try_from(random.below(3_000)).expect("a small number");
    thread::sleep(Duration::from_micros(micros));
}

/// Takes every lease it can get and computes slowly from the truth at that time.
fn compute(s: &Server, world: &World, seed: u64) {
    let (mut c, mut random) = (s.client(), Random::new(seed));
    while world.running.goes_on() {
        let reply = c.text("CACHE.GETORLOCK k LEASE 60000 FRESH");
        let Some((_, token)) = reply.trim_end_matches(']').rsplit_once(" :") else {
            continue;
        };
        let truth = world.truth.load(Ordering::SeqCst);
        dawdle(&mut random);
        c.run(format!(
            "CACHE.SET k v{truth} TOKEN {token} EX 100 GRACE 100 TAGS 2 x a"
        ));
    }
}

/// Reads fresh values; none may be older than a change that was over before it asked.
fn check(s: &Server, world: &World) {
    let mut c = s.client();
    while world.running.goes_on() {
        let oldest = world.oldest.load(Ordering::SeqCst);
        let reply = c.text("CACHE.GET k");
        if let Some(value) = reply.strip_prefix('v') {
            let value: u64 = value.parse().expect("a version of the truth");
            assert!(
                value >= oldest,
                "version {value} is served after version {oldest}"
            );
        }
    }
}

/// Changes the truth and the cache until enough fills were stored and enough were refused.
fn change(s: &Server, world: &World, change: impl Fn(&mut Client, u64)) {
    let mut c = s.client();
    wait_until("enough fills are stored and refused", || {
        let version = world.truth.fetch_add(1, Ordering::SeqCst) + 1;
        change(&mut c, version);
        world.oldest.store(version, Ordering::SeqCst);
        let stats = c.stats();
        stats.int("fills") >= 100 && stats.int("fills-refused") >= 100
    });
}

fn race(how: impl Fn(&mut Client, u64)) {
    let (s, world) = (&Server::start(), &World::default());
    thread::scope(|scope| {
        for seed in 2..4 {
            scope.spawn(move || compute(s, world, seed));
        }
        scope.spawn(|| check(s, world));
        world.running.during(|| change(s, world, how));
    });
}

#[test]
fn fills_race_with_invalidations() {
    race(|c, _| drop(c.run("CACHE.INVALIDATE a")));
}

#[test]
fn fills_race_with_marks() {
    race(|c, _| drop(c.run("CACHE.MARKSTALE a")));
}

#[test]
fn fills_race_with_deletes() {
    race(|c, _| drop(c.run("DEL k")));
}

#[test]
fn fills_race_with_stores() {
    race(|c, version| drop(c.run(format!("CACHE.SET k v{version} PX 1"))));
}

#[test]
fn fills_race_with_flushes() {
    race(|c, _| drop(c.run("FLUSHALL")));
}
