//! Three sentinels watch a primary and two replicas. The primary dies or freezes under load, the
//! sentinels agree on a new one, and the old one comes back as a replica.

use std::thread;

use larder_test_support::{Client, Running, Server, Setup, check_agreement, show, wait_until};
use redis::Value;

use super::failover::SLOWLY;
use super::load::{Ledger, WAITERS};
use super::options::Options;

const ROUNDS: u64 = 10;
/// Invalidations that both replicas have confirmed before the primary goes.
const INVALIDATIONS: u64 = 20;
const REPLICAS: usize = 2;

struct Watched {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
    /// Which of the servers is the primary.
    primary: usize,
}

pub(crate) fn run(options: Options) -> String {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let (mut watched, ledger) = (Watched::start(), Ledger::default());
    for round in 0..rounds {
        let freezes = round % 2 == 1;
        watched.load_until_replaced(freezes, &ledger);
        ledger.check_promoted(&watched.servers[watched.primary]);
        for replica in watched.replicas() {
            check_agreement(&watched.servers[watched.primary], replica);
        }
        eprintln!(
            "round {round}: {}",
            if freezes { "frozen" } else { "killed" }
        );
    }
    format!("{rounds} failovers by sentinels; {}", ledger.report())
}

impl Watched {
    fn start() -> Self {
        let primary = Server::with(SLOWLY);
        let replicas = [(); REPLICAS].map(|()| primary.replica(SLOWLY));
        let lines = format!(
            "sentinel monitor main 127.0.0.1 {} 2\nsentinel down-after-milliseconds main 2000\n\
             sentinel failover-timeout main 5000",
            primary.port()
        );
        let sentinel = || {
            Server::set_up(&Setup {
                lines: &lines,
                sentinel: true,
                ..Setup::default()
            })
        };
        let mut watched = Self {
            sentinels: (0..3).map(|_| sentinel()).collect(),
            servers: std::iter::once(primary).chain(replicas).collect(),
            primary: 0,
        };
        watched.wait_until_complete();
        watched
    }

    fn replicas(&self) -> impl Iterator<Item = &Server> {
        let others = self.servers.iter().enumerate();
        others.filter_map(|(at, server)| (at != self.primary).then_some(server))
    }

    /// Waits until the sentinels know each other, and all servers follow the one they name.
    fn wait_until_complete(&mut self) {
        for sentinel in &self.sentinels {
            wait_until("the sentinels know each other and the replicas", || {
                let line = sentinel.client().server_info("sentinel", "master0");
                line.ends_with(&format!(",slaves={REPLICAS},sentinels=3"))
            });
        }
        for at in 0..self.servers.len() {
            wait_until("all follow the primary", || {
                // On a slow machine they may change their minds before everybody has followed.
                let named = self.named();
                if let Some(primary) = named {
                    self.primary = primary;
                }
                named.is_some() && self.is_in_place(at)
            });
        }
    }

    /// Which server is the primary, if the sentinels agree.
    fn named(&self) -> Option<usize> {
        let ports = self.sentinels.iter().map(|sentinel| {
            let mut c = sentinel.client();
            show(&c.run("SENTINEL GET-MASTER-ADDR-BY-NAME main"))
        });
        let named = |at: &Server| format!("[127.0.0.1 {}]", at.port());
        let ports: Vec<_> = ports.collect();
        let mut servers = self.servers.iter();
        servers.position(|server| ports.iter().all(|port| *port == named(server)))
    }

    /// Whether a server is what it should be: the primary, or a replica in sync with it.
    fn is_in_place(&self, at: usize) -> bool {
        let state = replication(&self.servers[at]);
        if at == self.primary {
            return state.contains("role:master");
        }
        let primary = format!("master_port:{}\r", self.servers[self.primary].port());
        ["role:slave", "master_link_status:up", &primary]
            .iter()
            .all(|line| state.contains(line))
    }

    fn load_until_replaced(&mut self, freezes: bool, ledger: &Ledger) {
        let (old, running) = (self.primary, Running::default());
        let replicas = self.replicas().map(Server::client).collect();
        thread::scope(|scope| {
            let primary = &mut self.servers[old];
            ledger.start(scope, &running, primary, replicas);
            running.during(|| {
                let enough = ledger.invalidations() + INVALIDATIONS;
                wait_until("clients are at work and wait", || {
                    ledger.invalidations() >= enough && primary.blocked() >= WAITERS
                });
                if freezes {
                    primary.freeze();
                } else {
                    primary.kill();
                }
            });
            wait_until("another server has been promoted", || {
                self.named().is_some_and(|named| named != old)
            });
            if freezes {
                self.servers[old].thaw();
            } else {
                self.servers[old].start_again();
            }
            self.wait_until_complete();
        });
    }
}

/// What a server says of its role. Nothing if it cuts the connection, as sentinels have it do.
fn replication(server: &Server) -> String {
    let answer = Client::connect(&server.socket()).ok().and_then(|mut c| {
        c.try_send("INFO replication").ok()?;
        c.try_reply().ok()
    });
    match answer {
        Some(Value::BulkString(text)) => String::from_utf8_lossy(&text).into_owned(),
        _ => String::new(),
    }
}
