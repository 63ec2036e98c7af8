//! A wall clock that is set back or forward by an hour while everything is under way. Leases and
//! waits go by the monotonic clock, ends by the wall clock, order by neither alone.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{Client, Server, Setup, say_skipped, show, wait_until};

/// The wall clock of a server, in a directory of its own.
struct WallClock(PathBuf);

impl WallClock {
    /// Starts a server with such a clock, or says that `test` is skipped.
    fn start(test: &str) -> Option<(Self, Server)> {
        let clock =
            Self(std::env::temp_dir().join(format!("larder-{test}-{}", std::process::id())));
        fs::create_dir_all(&clock.0).unwrap();
        fs::write(clock.shift(), 0_i64.to_ne_bytes()).unwrap();
        let library = clock.0.join("shift.so");
        if !compile(&library) {
            say_skipped(test, "cc is missing, which builds what sets the clock");
            return None;
        }
        let environment = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("WALL_CLOCK_SHIFT", &clock.shift()),
        ];
        let server = Server::set_up(&Setup {
            lines: "cache.reclaim-inline 0",
            environment: &environment,
            ..Setup::default()
        });
        Some((clock, server))
    }

    /// Sets it so many seconds before or after the true time.
    fn set(&self, c: &mut Client, seconds: i64) {
        let before = time(c);
        // In place: the server has mapped the file.
        let mut shift = fs::OpenOptions::new()
            .write(true)
            .open(self.shift())
            .unwrap();
        shift.write_all(&seconds.to_ne_bytes()).unwrap();
        wait_until("the clock is set", || (time(c) - before).abs() > 3_000);
    }

    fn shift(&self) -> String {
        self.0.join("shift").display().to_string()
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn compile(library: &Path) -> bool {
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-xc", "-", "-o"])
        .arg(library);
    let Ok(mut cc) = cc.stdin(Stdio::piped()).spawn() else {
        return false;
    };
    let source = include_bytes!("clock/shift.c");
    cc.stdin.take().unwrap().write_all(source).unwrap();
    cc.wait().unwrap().success()
}

/// The server's wall clock, in seconds.
fn time(c: &mut Client) -> i64 {
    let [seconds, _] = &c.array("TIME")[..] else {
        panic!("no time");
    };
    show(seconds).parse().unwrap()
}

/// Tokens that were granted before the clock was set.
struct Before {
    /// For a value with the tag `endless`.
    fill: i64,
    last: i64,
}

fn prepare(c: &mut Client) -> Before {
    c.check("CACHE.SET endless v TAGS 1 endless", "OK");
    c.check("CACHE.SET minutes v EX 600 GRACE 600 TAGS 1 minutes", "OK");
    c.check("CACHE.SET marked v GRACE 600 EX 7200 TAGS 1 marked", "OK");
    c.pipeline((0..500).map(|i| format!("CACHE.SET many{i} v TAGS 1 many")));
    let fill = c.lease("fill LEASE 60000");
    let last = c.lease("last LEASE 60000");
    Before { fill, last }
}

/// What comes later is later, and what is to be done later is done.
fn check_order(c: &mut Client, before: &Before) {
    assert!(c.lease("next LEASE 60000") > before.last);
    c.check("CACHE.INVALIDATE endless", ":1");
    c.check("CACHE.GET endless STALE", "nil");
    c.check(
        format!("CACHE.SET fill late TOKEN {} TAGS 1 endless", before.fill),
        "nil",
    );
    c.check("CACHE.SET endless again TAGS 1 endless", "OK");
    c.check("CACHE.GET endless", "again");
    c.check("CACHE.MARKSTALE marked", ":1");
    c.check("CACHE.GET marked", "nil");
    c.check("CACHE.GET marked STALE", "v");
    c.check("CACHE.INVALIDATE many", ":500");
    c.check("CACHE.GET many7 STALE", "nil");
    wait_until("the dead are reclaimed", || c.int("EXISTS many7") == 0);
    wait_until("all of them", || c.stats().int("entries-dead") == 0);
    assert_eq!(c.complaints(), None);
}

#[test]
fn an_hour_back_holds_nothing_up() {
    let Some((clock, s)) = WallClock::start("an_hour_back_holds_nothing_up") else {
        return;
    };
    let mut c = s.client();
    let before = prepare(&mut c);
    let short = c.lease("short LEASE 1000");
    let [mut next] = s.waiters("short WAIT 20000 LEASE 60000");
    let [mut impatient] = s.waiters("last WAIT 1500");
    clock.set(&mut c, -3_600);
    // Nothing else is going on that would set a timer.
    assert!(next.promoted() > short);
    impatient.check_reply("[busy nil nil]");
    c.check("CACHE.GET minutes", "v");
    check_order(&mut c, &before);
    c.check(format!("CACHE.SET short late TOKEN {short}"), "nil");
    // The lease is over, whatever its key's expiry says by now.
    let over = c.lease("over LEASE 1");
    wait_until("the lease is over", || c.text("CACHE.INFO over") == "nil");
    assert!(c.lease("over") > over);
}

#[test]
fn an_hour_forward_ends_what_ends_within_it() {
    let Some((clock, s)) = WallClock::start("an_hour_forward_ends_what_ends_within_it") else {
        return;
    };
    let mut c = s.client();
    let before = prepare(&mut c);
    let [mut next] = s.waiters("last WAIT 20000 LEASE 60000");
    clock.set(&mut c, 3_600);
    c.check("CACHE.GET minutes STALE", "nil");
    c.check("CACHE.GET endless", "v");
    // The key of the lease has expired, and the lease with it.
    assert!(next.promoted() > before.last);
    c.check(format!("CACHE.SET last late TOKEN {}", before.last), "nil");
    check_order(&mut c, &before);
}

#[test]
fn a_clock_that_jumps_about_never_gives_a_token_twice() {
    let Some((clock, s)) = WallClock::start("a_clock_that_jumps_about_never_gives_a_token_twice")
    else {
        return;
    };
    let (mut c, mut last) = (s.client(), 0);
    for seconds in [3_600, -3_600, 7_200, 0] {
        clock.set(&mut c, seconds);
        for i in 0..100 {
            let token = c.lease(&format!("k{i}:{seconds}"));
            assert!(token > last, "{token} after {last}");
            last = token;
        }
    }
}
