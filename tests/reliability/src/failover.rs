//! The primary goes under load, and its replica takes over: by force, by hand, or coordinated by
//! the servers themselves. The old primary then follows the new one.

use std::thread;

use larder_test_support::{Running, Server, check_agreement, wait_until};

use super::load::{Ledger, WAITERS};
use super::options::Options;

const ROUNDS: u64 = 60;
/// Confirmed invalidations before the primary goes.
const INVALIDATIONS: u64 = 20;
pub(crate) const SLOWLY: &str = "cache.reclaim-inline 0\ncache.reclaim-slice-us 10";
/// Dead entries to be reclaimed while the servers change roles.
const DEAD: usize = 2_000;

/// How a primary goes.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// `kill -9`; the replica is promoted.
    Killed,
    /// The replica is promoted while the primary still serves, and then the primary follows it.
    Exchanged,
    /// `FAILOVER`: clients are paused until the replica has all.
    Coordinated,
}

const WAYS: [Way; 3] = [Way::Killed, Way::Exchanged, Way::Coordinated];

struct Pair {
    primary: Server,
    replica: Server,
}

pub(crate) fn run(options: Options) -> String {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    // The dead stay for a while, so that what hides them is that they were declared dead.
    let primary = Server::with(SLOWLY);
    let replica = primary.replica(SLOWLY);
    let (mut pair, ledger) = (Pair { primary, replica }, Ledger::default());
    for round in 0..rounds {
        let way = WAYS[round as usize % WAYS.len()];
        pair.load_until_gone(way, &ledger);
        std::mem::swap(&mut pair.primary, &mut pair.replica);
        ledger.check_promoted(&pair.primary);
        pair.rejoin(way);
        check_agreement(&pair.primary, &pair.replica);
        if round % 10 == 9 {
            eprintln!("round {round}: {}", ledger.report());
        }
    }
    format!("{rounds} failovers; {}", ledger.report())
}

impl Pair {
    fn load_until_gone(&mut self, way: Way, ledger: &Ledger) {
        let running = Running::default();
        thread::scope(|scope| {
            let replicas = vec![self.replica.client()];
            ledger.start(scope, &running, &self.primary, replicas);
            running.during(|| {
                self.wait_for_load(ledger);
                self.begin(way);
            });
            self.complete(way);
        });
    }

    fn wait_for_load(&self, ledger: &Ledger) {
        let enough = ledger.invalidations() + INVALIDATIONS;
        wait_until("clients are at work and wait", || {
            ledger.invalidations() >= enough && self.primary.blocked() >= WAITERS
        });
    }

    fn begin(&mut self, way: Way) {
        match way {
            Way::Killed => self.primary.kill(),
            Way::Exchanged => self.replica.client().check("REPLICAOF NO ONE", "OK"),
            Way::Coordinated => self.hand_over(),
        }
    }

    /// Starts `FAILOVER` when there is much to reclaim.
    fn hand_over(&self) {
        self.replica.client().check("CONFIG RESETSTAT", "OK");
        let dying = (0..DEAD).map(|i| format!("CACHE.SET dying{i} v TAGS 1 dying"));
        let last = ["CACHE.INVALIDATE dying", "FAILOVER"].map(String::from);
        let replies = self.primary.client().pipeline(dying.chain(last));
        assert_eq!(replies.last(), Some(&redis::Value::Okay));
    }

    fn complete(&self, way: Way) {
        match way {
            Way::Killed => self.replica.client().check("REPLICAOF NO ONE", "OK"),
            Way::Exchanged => follow(&self.primary, &self.replica),
            Way::Coordinated => wait_until("the servers have changed roles", || {
                role(&self.primary) == "slave" && role(&self.replica) == "master"
            }),
        }
    }

    /// Has the old primary follow the new one.
    fn rejoin(&mut self, way: Way) {
        if let Way::Killed = way {
            self.replica.start_again();
            follow(&self.replica, &self.primary);
        }
        wait_until("the old primary is in sync", || {
            info(&self.replica, "replication", "master_link_status") == "up"
        });
        if let Way::Coordinated = way {
            // It would have to be sent everything if it had written anything while clients were paused.
            assert_eq!(
                info(&self.primary, "stats", "sync_full"),
                "0",
                "partial sync only"
            );
        }
    }
}

fn follow(server: &Server, primary: &Server) {
    // One that began as a replica may do so by its own configuration.
    let reply = server
        .client()
        .text(format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    assert!(reply.starts_with("OK"), "{reply}");
}

fn role(server: &Server) -> String {
    info(server, "replication", "role")
}

fn info(server: &Server, section: &str, field: &str) -> String {
    server.client().server_info(section, field)
}
