//! Random writes by several clients while replicas are cut off, restarted and synced anew. After
//! each round the primary, its replica and the replica's replica must hold the same.

use std::thread;

use larder_test_support::{Client, Random, Server, check_agreement, show, wait_until};

use super::options::Options;

const ROUNDS: u64 = 60;
const OPERATIONS: u64 = 3_000_000;
const WRITERS: u64 = 3;
/// Commands sent together.
const BATCH: u64 = 50;

const BACKLOG: &str = "repl-backlog-size 64mb";
/// The dead stay for a while, so that other commands meet them.
const SLOWLY: &str = "cache.reclaim-inline 0\ncache.reclaim-slice-us 10";

/// What happens to the replicas in the middle of a round.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// The primary drops its replica, which then gets what it missed.
    Cut,
    /// The replica drops the one behind it.
    CutBehind,
    /// The primary's history is another from now on, so everything is sent anew.
    NewHistory,
    /// The replica dies and starts with nothing.
    Crash,
    /// The replica is restarted, and goes on where its snapshot ends.
    Restart,
}

const TROUBLES: [Trouble; 5] = [
    Trouble::Cut,
    Trouble::NewHistory,
    Trouble::CutBehind,
    Trouble::Crash,
    Trouble::Restart,
];

pub(crate) fn run(options: Options) -> String {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let batches = options.operations.unwrap_or(OPERATIONS) / rounds / WRITERS / BATCH;
    let primary = Server::with(&format!("{BACKLOG}\n{SLOWLY}"));
    let mut middle = primary.replica(BACKLOG);
    let last = middle.replica("");
    for round in 0..rounds {
        let trouble = TROUBLES[round as usize % TROUBLES.len()];
        choose_transfer(round, &primary, &middle);
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let seed = options.seed + round * WRITERS + writer;
                let client = primary.client();
                scope.spawn(move || write(client, seed, batches));
            }
            make(trouble, &primary, &mut middle);
        });
        for replica in [&middle, &last] {
            check_agreement(&primary, replica);
        }
        eprintln!("round {round}: {trouble:?}");
    }
    let [full, partial] =
        ["sync_full", "sync_partial_ok"].map(|field| primary.client().server_info("stats", field));
    format!(
        "{} random writes, {rounds} rounds, {full} full and {partial} partial syncs of the primary; \
         no difference between it and two replicas in a row",
        rounds * batches * WRITERS * BATCH
    )
}

/// Has data sets travel and arrive in another way each round.
fn choose_transfer(round: u64, primary: &Server, middle: &Server) {
    let send = ["yes", "no"][round as usize % 2];
    let load = ["disabled", "on-empty-db", "swapdb"][round as usize % 3];
    for server in [primary, middle] {
        let mut c = server.client();
        c.check(format!("CONFIG SET repl-diskless-sync {send}"), "OK");
        c.check(format!("CONFIG SET repl-diskless-load {load}"), "OK");
    }
}

fn write(mut c: Client, seed: u64, batches: u64) {
    let (mut random, mut token) = (Random::new(seed), 1);
    for _ in 0..batches {
        let commands: Vec<String> = (0..BATCH).map(|_| random.write(token)).collect();
        let replies = c.pipeline(commands.iter().cloned());
        for (command, reply) in commands.iter().zip(&replies) {
            let reply = show(reply);
            check_reply(command, &reply);
            token = granted(&reply).unwrap_or(token);
        }
        carry(&mut c, &mut random);
    }
}

/// Has a payload travel from one key to another.
fn carry(c: &mut Client, random: &mut Random) {
    let [from, to] = [(); 2].map(|()| format!("k{}", random.below(60)));
    if let redis::Value::BulkString(payload) = c.run(format!("DUMP {from}")) {
        let words = [b"RESTORE", to.as_bytes(), b"70000000", &payload, b"REPLACE"];
        c.check(words, "OK");
    }
}

fn check_reply(command: &str, reply: &str) {
    let excused = [
        "-ERR no such key",
        "-ERR source and destination objects",
        "-WRONGTYPE",
    ];
    let fine = !reply.starts_with('-') || excused.iter().any(|error| reply.starts_with(error));
    assert!(fine, "{command}: {reply}");
}

fn granted(reply: &str) -> Option<i64> {
    let (_, token) = reply.strip_suffix(']')?.rsplit_once(" :")?;
    token.parse().ok()
}

fn make(trouble: Trouble, primary: &Server, middle: &mut Server) {
    let cut = |server: &Server| server.client().run("CLIENT KILL TYPE replica");
    match trouble {
        Trouble::Cut => drop(cut(primary)),
        Trouble::CutBehind => drop(cut(middle)),
        Trouble::NewHistory => {
            primary.client().check("DEBUG CHANGE-REPL-ID", "OK");
            cut(primary);
        }
        Trouble::Crash => middle.crash(),
        Trouble::Restart => middle.restart("SAVE"),
    }
    wait_until("the replica is in sync", || {
        middle
            .client()
            .server_info("replication", "master_link_status")
            == "up"
    });
}
