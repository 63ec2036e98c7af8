//! Entries on their way from node to node while their tag is invalidated: each race, step by step.
//!
//! The promise: what was stored before an invalidation that all primaries have confirmed is never
//! served again, wherever it was at that moment.

use std::time::{Duration, Instant};

use crate::common::{Client, Cluster, Relay, key_slot, wait_until};

type Run = fn(Race<'_>);

/// All races, each with a hash tag of its own whose slot is the first node's of two.
const RACES: [(&str, Run); 8] = [
    ("b", the_target_hears_of_it_before_and_the_source_after),
    ("k", the_target_hears_of_a_mark_before),
    ("late", it_arrives_when_nobody_reckons_with_it_any_more),
    ("fill", it_is_on_both_sides),
    ("agree", it_is_on_both_sides_and_only_there_was_written_to),
    ("two", it_is_dead_when_it_leaves),
    ("newer", it_is_newer),
    ("six", the_target_is_succeeded),
];

#[test]
fn no_race_brings_back_what_was_invalidated() {
    // All clocks here are one.
    let cluster = Cluster::with_replicas(2, "cache.max-clock-skew 0");
    for (tag, run) in RACES {
        eprintln!("{tag}");
        run(Race::begin(&cluster, tag));
    }
}

/// A slot that node 0 hands to node 1, with an entry whose tag has the name of the slot's.
struct Race<'a> {
    cluster: &'a Cluster,
    source: Client,
    target: Client,
    tag: &'a str,
    key: String,
}

impl<'a> Race<'a> {
    fn begin(cluster: &'a Cluster, tag: &'a str) -> Self {
        let mut race = Self {
            cluster,
            source: cluster.client(0),
            target: cluster.client(1),
            tag,
            key: format!("{{{tag}}}1"),
        };
        let key = &race.key;
        let set = format!("CACHE.SET {key} old PX 100000 PGRACE 100000 TAGS 2 {tag} any");
        race.source.check(set, "OK");
        cluster.begin_move(race.slot(), 0, 1);
        race
    }

    fn slot(&self) -> u16 {
        key_slot(self.key.as_bytes())
    }

    /// The road to the target, on which the entry is held up.
    fn road(&self) -> Relay {
        Relay::to(self.cluster.node(1).port())
    }

    /// Sends the entry on its way.
    fn send_along(&mut self, road: &Relay, timeout_ms: u32) {
        let (key, port) = (&self.key, road.port());
        self.source.send(format!(
            "MIGRATE 127.0.0.1 {port} {key} 0 {timeout_ms} REPLACE"
        ));
        road.wait_for_parcel();
    }

    fn invalidate(&self) -> String {
        format!("CACHE.INVALIDATE {}", self.tag)
    }

    fn read(&self) -> String {
        format!("CACHE.GET {} STALE", self.key)
    }

    fn at_the_target(&mut self, words: &str) -> String {
        self.target.check("ASKING", "OK");
        self.target.text(words)
    }

    /// Nobody gets the old value, now or when the move is over, from the target or its replica.
    fn check_gone(mut self) {
        let read = self.read();
        self.cluster.router().check(&read, "nil");
        assert_eq!(self.at_the_target(&read), "nil");
        self.cluster.move_slot(self.slot(), 0, 1);
        self.target.check(&*read, "nil");
        wait_until("it is removed", || {
            self.target.int(format!("EXISTS {}", self.key)) == 0
        });
        self.cluster.node(1).wait_for(self.cluster.node(3));
        self.cluster.wait_until_agreed();
        let mut replica = self.cluster.client(3);
        replica.check("READONLY", "OK");
        replica.check(&*read, "nil");
    }
}

/// The key is in neither node when its tag is invalidated there.
fn the_target_hears_of_it_before_and_the_source_after(mut race: Race<'_>) {
    let road = race.road();
    race.send_along(&road, 10_000);
    race.target.check(race.invalidate(), ":0");
    road.release();
    race.source.check_reply("OK");
    race.source.check(race.invalidate(), ":0");
    race.check_gone();
}

fn the_target_hears_of_a_mark_before(mut race: Race<'_>) {
    let road = race.road();
    race.send_along(&road, 10_000);
    let mark = format!("CACHE.MARKSTALE {}", race.tag);
    race.target.check(&*mark, ":0");
    road.release();
    race.source.check_reply("OK");
    race.source.check(mark, ":0");
    race.cluster.end_move(race.slot(), 1);
    race.target.check(format!("CACHE.GET {}", race.key), "nil");
    race.target.check(race.read(), "old");
}

/// The source has given up, and all have confirmed.
fn it_arrives_when_nobody_reckons_with_it_any_more(mut race: Race<'_>) {
    let reclaimed = race.target.stats().int("entries-reclaimed");
    let road = race.road();
    race.send_along(&road, 50);
    let reply = race.source.reply_text();
    assert!(reply.starts_with("-IOERR"), "{reply}");
    race.cluster.router().everywhere(&race.invalidate(), 0);
    road.release();
    let exists = format!("EXISTS {}", race.key);
    wait_until("it has arrived", || {
        race.at_the_target(&exists) == ":1"
            || race.target.stats().int("entries-reclaimed") > reclaimed
    });
    race.check_gone();
}

/// The source never heard that it had arrived.
fn it_is_on_both_sides(mut race: Race<'_>) {
    leave_on_both_sides(&mut race);
    race.cluster.router().everywhere(&race.invalidate(), 0);
    race.check_gone();
}

/// What is written meanwhile is written at the source, and replaces what has arrived before.
fn it_is_on_both_sides_and_only_there_was_written_to(mut race: Race<'_>) {
    leave_on_both_sides(&mut race);
    let set = format!("CACHE.SET {} new TAGS 1 {}", race.key, race.tag);
    race.cluster.router().check(&set, "OK");
    race.cluster.move_slot(race.slot(), 0, 1);
    race.target.check(race.read(), "new");
    race.cluster.router().everywhere(&race.invalidate(), 0);
    race.target.check(race.read(), "nil");
}

fn leave_on_both_sides(race: &mut Race<'_>) {
    let road = Relay::without_answers(race.cluster.node(1).port());
    race.send_along(&road, 10_000);
    road.release();
    let reply = race.source.reply_text();
    assert!(reply.starts_with("-IOERR"), "{reply}");
    let read = race.read();
    assert_eq!(race.at_the_target(&read), "old");
    race.source.check(read, "old");
}

/// It has not been removed yet: a transaction leaves no time for that.
fn it_is_dead_when_it_leaves(mut race: Race<'_>) {
    race.source.check("CONFIG SET cache.reclaim-inline 0", "OK");
    let (key, port) = (&race.key, race.cluster.node(1).port());
    let migrate = format!("MIGRATE 127.0.0.1 {port} {key} 0 5000");
    race.source.check("MULTI", "OK");
    race.source.check(race.invalidate(), "QUEUED");
    race.source.check(migrate, "QUEUED");
    race.source.check("EXEC", "[:1 OK]");
    race.check_gone();
}

/// Only what is older than the invalidation has to go.
fn it_is_newer(mut race: Race<'_>) {
    race.cluster.router().everywhere(&race.invalidate(), 0);
    let invalidated = Instant::now();
    wait_until("the clock moves on", || {
        invalidated.elapsed() > Duration::from_millis(2)
    });
    let set = format!("CACHE.SET {} new TAGS 1 {}", race.key, race.tag);
    race.cluster.router().check(&set, "OK");
    race.cluster.move_slot(race.slot(), 0, 1);
    race.target.check(race.read(), "new");
    race.cluster.move_slot(race.slot(), 1, 0);
    race.source.check(race.read(), "new");
}

/// Its replica has heard of the invalidation, and takes what comes in its place.
fn the_target_is_succeeded(mut race: Race<'_>) {
    race.target.check(race.invalidate(), ":0");
    race.target.check("WAIT 1 5000", ":1");
    race.cluster.fail_over(1, "");
    race.cluster.begin_move(race.slot(), 0, 3);
    let port = race.cluster.node(3).port();
    assert_eq!(race.cluster.carry(race.slot(), 0, port, 1), Ok(1));
    race.source.check(race.invalidate(), ":0");
    race.cluster.end_move(race.slot(), 3);
    race.cluster.client(3).check(race.read(), "nil");
}
