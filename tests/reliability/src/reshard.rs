//! Slots move to and fro between three primaries, whose replicas take over now and then, while
//! clients store, read, compute and invalidate.
//!
//! What was stored before an invalidation began that all primaries have confirmed, each with its
//! replica, must not be served after that; nor must what was computed under a lease that was granted
//! before. An entry that is lost is no harm.

mod load;
mod record;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use larder_test_support::{
    Client, Cluster, Random, Running, gauges, key_slot, show, wait_for_memory, wait_until,
};

use super::options::Options;
use load::{Job, Worker};
use record::{Record, TAGS};

const ROUNDS: u64 = 200;
const SHARDS: usize = 3;
/// Slots of each shard that have keys, one next to the other.
const SLOTS: u16 = 24;
/// Keys in each of these slots.
const KEYS: usize = 4;
/// How long keys are on their way, so that others have the time to do something.
const MAX_DELAY_MS: usize = 15;
/// Slots that move at once.
const RANGE: usize = 6;
/// By how much two nodes that remember the same may differ: each has its own hash of the names.
const SLACK_BYTES: i64 = 1_000;

/// Who does what; those who store come first.
const JOBS: [Job; 7] = [
    |worker| worker.store(),
    |worker| worker.store(),
    |worker| worker.fill(),
    |worker| worker.fill(),
    |worker| worker.read(),
    |worker| worker.invalidate(),
    |worker| worker.invalidate(),
];

/// All clocks here are one, so nothing that is new enough need be lost on the way.
const LINES: &str = "cache.max-clock-skew 0";

/// What happens in the middle of a move.
#[derive(Clone, Copy)]
enum Trouble {
    /// A replica takes over in agreement with its primary.
    Handover,
    /// The primary that the slots come from dies.
    SourceDies,
    /// The primary that they go to dies, and has just left a transfer unanswered.
    TargetDies,
}

impl Trouble {
    fn of(round: u64) -> Option<Self> {
        match round % 20 {
            4 | 9 | 14 => Some(Self::Handover),
            11 => Some(Self::SourceDies),
            19 => Some(Self::TargetDies),
            _ => None,
        }
    }
}

pub(crate) fn run(options: Options) -> String {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let mut cluster = Cluster::with_replicas(SHARDS, LINES);
    let index_bytes = remember_all_tags(&cluster);
    let mut slots: Vec<Vec<u16>> = (0..SHARDS).map(slots_of).collect();
    let keys: Vec<String> = slots
        .iter()
        .flatten()
        .flat_map(|slot| keys_of(*slot))
        .collect();
    let record = Record::new(JOBS.len());
    let running = Running::default();
    let mut figures = Figures::default();
    thread::scope(|threads| {
        for (writer, job) in JOBS.into_iter().enumerate() {
            let worker = Worker {
                router: cluster.router(),
                random: Random::new(options.seed * 100 + writer as u64),
                record: &record,
                keys: &keys,
                writer,
            };
            let running = &running;
            threads.spawn(move || worker.work(job, running));
        }
        running.during(|| {
            let mut random = Random::new(options.seed);
            for round in (0..rounds).take_while(|_| running.goes_on()) {
                let trouble = Trouble::of(round);
                reshard(&mut cluster, &mut slots, &mut random, trouble, &mut figures);
                if round % 10 == 9 {
                    eprintln!("{}", figures.report(&record, round + 1));
                }
            }
        });
    });
    check_what_is_left(&cluster, &slots, index_bytes);
    figures.report(&record, rounds)
}

/// The slots of a shard that have keys.
fn slots_of(shard: usize) -> Vec<u16> {
    let first = (shard * 16_384 / SHARDS) as u16;
    (first..first + SLOTS).collect()
}

fn keys_of(slot: u16) -> Vec<String> {
    let tag = (0..)
        .map(|n: u32| format!("{{{n}}}"))
        .find(|tag| key_slot(tag.as_bytes()) == slot)
        .expect("a tag for every slot");
    (0..KEYS).map(|n| format!("{tag}{n}")).collect()
}

/// Has every node remember all tags, so that this is no difference in the end, and returns how much
/// memory that takes.
fn remember_all_tags(cluster: &Cluster) -> i64 {
    let tags: Vec<_> = (0..TAGS).map(|tag| tag.to_string()).collect();
    let invalidate = format!("CACHE.INVALIDATE {}", tags.join(" "));
    cluster.router().everywhere(&invalidate, 0);
    cluster.client(0).stats().int("index-bytes")
}

/// What the run has done to the cluster.
#[derive(Default)]
struct Figures {
    slots: usize,
    keys: usize,
    handovers: usize,
    deaths: usize,
}

impl Figures {
    fn report(&self, record: &Record, rounds: u64) -> String {
        let counts = &record.counts;
        format!(
            "{rounds} reshardings moved {} slots with {} keys, {} handovers and {} deaths of \
             primaries among them; {} values stored, {} filled, {} fills refused, {} invalidations \
             and marks confirmed, {} not; {} reads, {} values checked, none of them stale",
            self.slots,
            self.keys,
            self.handovers,
            self.deaths,
            of(&counts.stored),
            of(&counts.filled),
            of(&counts.refused),
            of(&counts.invalidated),
            of(&counts.unconfirmed),
            of(&counts.reads),
            of(&counts.hits),
        )
    }
}

fn of(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Moves a few slots from one shard to another.
fn reshard(
    cluster: &mut Cluster,
    slots: &mut [Vec<u16>],
    random: &mut Random,
    trouble: Option<Trouble>,
    figures: &mut Figures,
) {
    let from = (0..)
        .map(|_| random.below(SHARDS))
        .find(|shard| slots[*shard].len() >= RANGE)
        .expect("a shard with slots");
    let to = (from + 1 + random.below(SHARDS - 1)) % SHARDS;
    let first = random.below(slots[from].len() - RANGE + 1);
    let moving: Vec<u16> = slots[from].drain(first..first + RANGE).collect();
    for (n, slot) in moving.iter().enumerate() {
        if let Some(trouble) = trouble.filter(|_| n == RANGE / 2) {
            trouble.strike(cluster, *slot, [from, to], figures);
        }
        let [source, target] = [from, to].map(|shard| cluster.primary(shard));
        let delay = || Duration::from_millis(random.below(MAX_DELAY_MS) as u64);
        figures.keys += cluster.move_slot_slowly(*slot, source, target, delay);
        figures.slots += 1;
    }
    slots[to].extend(moving);
    slots[to].sort_unstable();
}

impl Trouble {
    /// Strikes while a slot is on its way from one shard to another. Who died is back before the
    /// slot goes on: Valkey 8.0 has a node outrank its successor that finds its own import done by it.
    fn strike(
        self,
        cluster: &mut Cluster,
        slot: u16,
        [from, to]: [usize; 2],
        figures: &mut Figures,
    ) {
        let [source, target] = [from, to].map(|shard| cluster.primary(shard));
        let [heir_of_source, heir_of_target] = [from, to].map(|shard| cluster.replica(shard));
        cluster.wait_until_agreed();
        cluster.begin_move(slot, source, target);
        let port = cluster.node(target).port();
        cluster.carry(slot, source, port, KEYS / 2).ok();
        let (dead, heir) = match self {
            Self::Handover => {
                cluster.fail_over(to, "");
                figures.handovers += 1;
                return;
            }
            Self::SourceDies => (source, heir_of_source),
            Self::TargetDies => {
                cluster.node(target).freeze();
                let carried = cluster.carry(slot, source, port, KEYS);
                assert!(!matches!(carried, Ok(1..)), "a frozen node takes keys");
                (target, heir_of_target)
            }
        };
        cluster.kill(dead);
        cluster.wait_for_heir(heir);
        cluster.revive(dead);
        figures.deaths += 1;
    }
}

/// Each node's index is exact, no key is where it does not belong, and when all are deleted,
/// nothing is left of them.
fn check_what_is_left(cluster: &Cluster, slots: &[Vec<u16>], index_bytes: i64) {
    cluster.wait_for_replicas();
    for node in cluster.nodes() {
        assert_eq!(node.client().complaints(), None, "an index is not exact");
    }
    for shard in 0..SHARDS {
        let mut c = cluster.client(cluster.primary(shard));
        let others = (0..SHARDS).filter(|other| *other != shard);
        for slot in others.flat_map(|other| &slots[other]) {
            let strays = c.int(format!("CLUSTER COUNTKEYSINSLOT {slot}"));
            assert_eq!(strays, 0, "keys of slot {slot} are left in shard {shard}");
        }
        delete_everything(&mut c);
    }
    cluster.wait_for_replicas();
    for node in cluster.nodes() {
        let mut c = node.client();
        wait_until("nothing is left", || {
            c.int("DBSIZE") == 0 && gauges(&mut c) == [0, 0, 0]
        });
        wait_for_memory(&mut c, index_bytes + SLACK_BYTES);
    }
}

fn delete_everything(c: &mut Client) {
    for key in c.array("KEYS *") {
        c.run(format!("UNLINK {}", show(&key)));
    }
}
