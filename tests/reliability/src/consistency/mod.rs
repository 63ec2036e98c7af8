//! Many clients use a few keys at random while servers break, and what they saw is held against
//! the guarantees.
//!
//! | where | what |
//! | --- | --- |
//! | [`user`], [`world`] | those who use the cache, and what they share |
//! | [`breaker`] | the servers, and what is done to them |
//! | [`history`], [`timeline`] | what is written down, and how it is looked up |
//! | [`rules`] | what must not be seen |
//!
//! Each round has servers and a history of its own, and three faults. Rounds are short so that a
//! history fits into memory; the check takes time in proportion to it, but for a logarithm.

mod breaker;
mod history;
mod rules;
mod timeline;
mod user;
mod world;

use crate::options::Options;
use breaker::Breaker;
use history::{Breakage, History, Span};
use larder_test_support::Random;
use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};
use user::User;
use world::{Link, World};

/// How many use the cache at a time.
const USERS: u64 = 8;

/// Faults in each round.
const FAULTS: usize = 3;

/// Operations of a round, unless told otherwise.
const ROUND: u64 = 200_000;

/// Uses, breaks and checks; ten million operations unless told otherwise.
pub(crate) fn run(options: Options) -> String {
    let operations = options.operations.unwrap_or(10_000_000);
    let rounds = options.rounds.unwrap_or((operations / ROUND).max(4));
    let kinds = shuffled(options.seed);
    let (start, mut tally) = (Instant::now(), Tally::default());
    for round in 0..rounds {
        let plan = plan(&kinds, round);
        let mut breaker = servers(options.seed, round);
        let mut history = storm(
            &mut breaker,
            options.seed * 1_000 + round,
            operations / rounds,
            &plan,
        );
        tally.add(&history, operations / rounds);
        if let Err(violation) = rules::check(&mut history) {
            let seed = options.seed;
            let record = env::temp_dir().join(format!("larder-history-{seed}-{round}"));
            history.write(&record).expect("a record of the round");
            let record = record.display();
            panic!("{violation}\n(seed {seed}, round {round}, {plan:?}; all of it is in {record})");
        }
        breaker.expect_calm();
        if (round + 1) % 10 == 0 {
            eprintln!("consistency: round {} of {rounds}: {tally}", round + 1);
        }
    }
    format!("{tally}; {} s", start.elapsed().as_secs())
}

fn shuffled(seed: u64) -> Vec<Breakage> {
    use Breakage::{Crash, Failover, Freeze, Limits, Reload, Rewrite};
    let mut kinds = vec![Crash, Failover, Freeze, Limits, Reload, Rewrite];
    let mut random = Random::new(seed);
    for i in (1..kinds.len()).rev() {
        kinds.swap(i, random.below(i + 1));
    }
    kinds
}

/// The next few kinds of faults. A server that was promoted is not restarted in the same round:
/// within `cache.max-lease-time` of the promotion it might repeat tokens, as the design says.
fn plan(kinds: &[Breakage], round: u64) -> Vec<Breakage> {
    let first = usize::try_from(round).unwrap() * FAULTS;
    let mut plan: Vec<_> = (first..first + FAULTS)
        .map(|i| kinds[i % kinds.len()])
        .collect();
    let position = |kind| plan.iter().position(|it| *it == kind);
    if let (Some(crash), Some(failover)) = (position(Breakage::Crash), position(Breakage::Failover))
        && failover < crash
    {
        plan.swap(crash, failover);
    }
    plan
}

/// Servers that persist in one way or another, and reclaim at once or later.
fn servers(seed: u64, round: u64) -> Breaker {
    let (preamble, inline) = match round % 3 {
        0 => ("yes", 0),
        1 => ("no", 128),
        _ => ("no", 0),
    };
    let lines = format!(
        "appendonly yes\nappendfsync always\naof-use-rdb-preamble {preamble}\n\
         cache.reclaim-inline {inline}"
    );
    Breaker::start(&lines, seed + round)
}

/// One round.
fn storm(breaker: &mut Breaker, seed: u64, operations: u64, plan: &[Breakage]) -> History {
    let world = &World::new(breaker.place(), operations);
    thread::scope(|scope| {
        let users = (1..=USERS).map(|user| seed * USERS + user);
        let users: Vec<_> = users
            .map(|seed| scope.spawn(move || User::new(world, seed).run()))
            .collect();
        let watcher = scope.spawn(|| watch(world));
        let mut history = History {
            faults: breaker.run(world, plan),
            ..History::default()
        };
        for user in users {
            history += user.join().expect("a user without complaint");
        }
        history.pauses = watcher.join().expect("a watcher without complaint");
        history
    })
}

/// Asks for nothing, again and again, to know how slow the server is.
fn watch(world: &World) -> Vec<Span> {
    let (mut link, mut pauses) = (Link::new(world), Vec::new());
    let mut began = world.now();
    while !world.has_reached(100) {
        let (asked, _) = link.run("PING");
        let ended = asked.ended;
        pauses.push(Span { began, ended });
        began = ended;
        thread::sleep(Duration::from_millis(1));
    }
    pauses
}

/// How much was checked.
#[derive(Default)]
struct Tally {
    operations: u64,
    reads: usize,
    stored: usize,
    refused: usize,
    touches: usize,
    leases: usize,
    waits: usize,
    lost: usize,
    faults: BTreeMap<Breakage, usize>,
}

impl Tally {
    fn add(&mut self, history: &History, operations: u64) {
        self.operations += operations;
        self.reads += history.reads.len();
        let fills = history.stores.iter().filter(|store| store.token.is_some());
        let stored = fills.clone().filter(|fill| fill.deed.is_done()).count();
        self.stored += stored;
        self.refused += fills.count() - stored;
        self.touches += history.touches.len();
        self.leases += history.grants.len();
        self.waits += history.asks.iter().filter(|ask| ask.wait > 0).count();
        self.lost += history.unheard.len();
        for fault in &history.faults {
            *self.faults.entry(fault.breakage).or_default() += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations (values read {}, fills stored {} and refused {}, invalidations and \
             marks {}, leases {}, calls that might wait {}, and lost {}), faults",
            self.operations,
            self.reads,
            self.stored,
            self.refused,
            self.touches,
            self.leases,
            self.waits,
            self.lost,
        )?;
        let faults = self.faults.iter();
        faults
            .into_iter()
            .try_for_each(|(kind, count)| write!(f, " {kind:?} {count}"))
    }
}
