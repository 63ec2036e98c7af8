//! Servers that are killed at any moment under load, and come back from their append-only file.
//!
//! What ends is the process: what it wrote is in the system's page cache and survives. A machine
//! that loses its power is another matter, and between the server and its disk.
//!
//! With `appendfsync always` all that was acknowledged is there again. With `everysec` the server
//! acknowledges what it may not have written yet, for two seconds while the disk is busy; then what
//! is there are the first so many operations of each writer.

use larder_test_support::{Client, Random, Running, Server, show, wait_until};
use redis::Value;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use super::journal::{Journal, Sent};
use super::options::Options;

const ROUNDS: u64 = 200;
const WRITERS: usize = 4;
const FILLERS: usize = 3;
const SHARED_KEYS: usize = 20;

/// How long an acknowledged write may not be written with `everysec`: two seconds, and the server
/// counts whole ones.
const POSTPONED: Duration = Duration::from_secs(3);

/// Kills and restarts a server.
pub(crate) fn run(options: Options) -> String {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let mut server = Server::with("appendonly yes\nauto-aof-rewrite-percentage 0");
    let mut crash = Crash {
        random: Random::new(options.seed),
        journals: (0..WRITERS)
            .map(|writer| Journal::new(writer, options.seed))
            .collect(),
        shared: Shared::default(),
        operations: 0,
        lost: 0,
    };
    for round in 1..=rounds {
        crash.round(&mut server, round);
        if round % 10 == 0 {
            eprintln!("crash: {round} rounds, {} operations", crash.operations);
        }
    }
    let Crash {
        operations, lost, ..
    } = crash;
    format!(
        "{rounds} kills, {operations} operations of {WRITERS} writers, {lost} acknowledged and \
         lost, all with everysec and within {} s",
        POSTPONED.as_secs()
    )
}

struct Crash {
    random: Random,
    journals: Vec<Journal>,
    shared: Shared,
    operations: usize,
    lost: usize,
}

impl Crash {
    fn round(&mut self, server: &mut Server, round: u64) {
        let always = round.is_multiple_of(2);
        let mut c = server.client();
        let [fsync, preamble] = [
            if always { "always" } else { "everysec" },
            if round % 4 < 2 { "yes" } else { "no" },
        ];
        c.check(
            format!("CONFIG SET appendfsync {fsync} aof-use-rdb-preamble {preamble}"),
            "OK",
        );
        let longest = if always { 400 } else { 4_000 };
        let ms = 20 + self.random.below(longest) as u64;
        let killed = self.load(server, Duration::from_millis(ms));
        server.start_again();
        let safe = if always { killed } else { killed - POSTPONED };
        self.check(server, safe, always);
    }

    /// Lets everybody work for a while, and kills the server. When that was.
    fn load(&mut self, server: &mut Server, time: Duration) -> Instant {
        let seed = self.random.below(1 << 20) as u64;
        let (running, shared) = (&Running::default(), &self.shared);
        thread::scope(|scope| {
            for journal in &mut self.journals {
                let mut c = server.client();
                scope.spawn(move || while running.goes_on() && is_done(&journal.step(&mut c)) {});
            }
            for n in 0..FILLERS as u64 {
                let (mut c, mut random) = (server.client(), Random::new(seed + n));
                scope.spawn(move || {
                    while running.goes_on() && shared.fill(&mut c, &mut random).is_some() {}
                });
            }
            let mut c = server.client();
            scope.spawn(move || while running.goes_on() && shared.invalidate(&mut c).is_some() {});
            let (mut c, mut random) = (server.client(), Random::new(seed));
            scope.spawn(move || while running.goes_on() && save(&mut c, &mut random).is_some() {});
            running.during(|| {
                thread::sleep(time);
                let killed = Instant::now();
                server.kill();
                killed
            })
        })
    }

    fn check(&mut self, server: &Server, safe: Instant, always: bool) {
        let mut c = server.client();
        for journal in &mut self.journals {
            self.operations += journal.len();
            let lost = journal.recover(&mut c, safe);
            assert!(
                lost == 0 || !always,
                "{lost} acknowledged operations are lost"
            );
            self.lost += lost;
        }
        self.shared.check(&mut c, safe);
        assert_eq!(c.complaints(), None);
        let granted = self.journals.iter().map(|journal| journal.token);
        let granted = granted.fold(self.shared.token.load(SeqCst), i64::max);
        assert!(c.lease("probe LEASE 1") > granted, "a token came twice");
        wait_until("only what can be served is left", || {
            let keys: Vec<_> = c.array("KEYS *").iter().map(show).collect();
            keys.is_empty()
                || c.text(format!("CACHE.EXISTS {}", keys.join(" "))) == format!(":{}", keys.len())
        });
        assert_eq!(c.complaints(), None);
    }
}

fn is_done(sent: &Sent) -> bool {
    if let Sent::Refused(error) = sent {
        panic!("refused: {error}");
    }
    *sent == Sent::Done
}

/// Saves or rewrites in the background. `None` when the server is gone.
fn save(c: &mut Client, random: &mut Random) -> Option<()> {
    thread::sleep(Duration::from_millis(random.below(80) as u64));
    c.try_send(*random.pick(&["BGREWRITEAOF", "BGSAVE"])).ok()?;
    // Refused while another is under way.
    c.try_reply().ok().map(drop)
}

/// Keys that everybody fills, and a tag of theirs that is invalidated all the time.
#[derive(Default)]
struct Shared {
    /// Counts up: what has the larger number was later.
    clock: AtomicU64,
    /// When a value was stored for certain, by the value.
    stored: Mutex<HashMap<u64, u64>>,
    /// When an invalidation began, and when it was acknowledged.
    invalidations: Mutex<Vec<(u64, Instant)>>,
    /// When the last one began that outlives a crash.
    last_invalidated: u64,
    /// The largest token that was granted.
    token: AtomicI64,
}

impl Shared {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, SeqCst)
    }

    /// Fills a key, or waits for somebody who does. `None` when the server is gone.
    fn fill(&self, c: &mut Client, random: &mut Random) -> Option<()> {
        let key = format!("shared:{}", random.below(SHARED_KEYS));
        let ask = format!("CACHE.GETORLOCK {key} FRESH WAIT 200 LEASE 500");
        c.try_send(ask).ok()?;
        let Value::Array(answer) = c.try_reply().ok()? else {
            panic!("no answer from CACHE.GETORLOCK");
        };
        let Some(Value::Int(token)) = answer.get(2) else {
            return Some(());
        };
        self.token.fetch_max(*token, SeqCst);
        let value = self.tick();
        let fill = format!("CACHE.SET {key} {value} EX 9000 GRACE 900 TOKEN {token} TAGS 1 shared");
        c.try_send(fill).ok()?;
        if show(&c.try_reply().ok()?) == "OK" {
            self.stored
                .lock()
                .expect("no panic")
                .insert(value, self.tick());
        }
        Some(())
    }

    /// Invalidates all that was filled. `None` when the server is gone.
    fn invalidate(&self, c: &mut Client) -> Option<()> {
        let began = self.tick();
        c.try_send("CACHE.INVALIDATE shared").ok()?;
        c.try_reply().ok()?;
        let acknowledged = (began, Instant::now());
        self.invalidations
            .lock()
            .expect("no panic")
            .push(acknowledged);
        thread::sleep(Duration::from_millis(3));
        Some(())
    }

    /// No value may be there that was stored before the last invalidation that is certain.
    fn check(&mut self, c: &mut Client, safe: Instant) {
        let invalidations = self.invalidations.get_mut().expect("no panic").drain(..);
        let certain = invalidations.filter(|(_, acknowledged)| *acknowledged < safe);
        let last = certain.map(|(began, _)| began).max();
        self.last_invalidated = self.last_invalidated.max(last.unwrap_or(0));
        let stored = self.stored.get_mut().expect("no panic");
        for key in 0..SHARED_KEYS {
            let Value::BulkString(value) = c.run(format!("CACHE.GET shared:{key} STALE")) else {
                continue;
            };
            let value = String::from_utf8_lossy(&value).parse().expect("a number");
            let at = stored.get(&value).copied().unwrap_or(u64::MAX);
            let last = self.last_invalidated;
            assert!(
                at >= last,
                "a value of {at} is served after an invalidation of {last}"
            );
        }
    }
}
