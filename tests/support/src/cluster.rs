//! A cluster on this machine, and what happens to clusters: slots move, primaries fail.

mod router;
mod slots;
mod view;

pub use router::Router;
pub use slots::key_slot;

use std::fs;
use std::thread;
use std::time::Duration;

use super::client::Client;
use super::relay::Relay;
use super::reply::show;
use super::server::{Server, Setup};
use super::wait::wait_until;
use view::Peer;

/// Settings that let a cluster on one machine notice failures soon, and go on serving meanwhile.
const LINES: &str = "cluster-node-timeout 1500\ncluster-require-full-coverage no\n\
                     cluster-allow-replica-migration no\ncluster-replica-validity-factor 0";

/// Shards that share the slots evenly, in order: each a primary, and a replica if so wished.
pub struct Cluster {
    nodes: Vec<Server>,
    shards: usize,
}

impl Cluster {
    /// Starts `shards` primaries, node 0 and up, without replicas.
    pub fn of_primaries(shards: usize, lines: &str) -> Self {
        Self::set_up(shards, shards, lines)
    }

    /// Starts `shards` primaries, each with a replica: that of node `n` is node `n + shards`.
    pub fn with_replicas(shards: usize, lines: &str) -> Self {
        Self::set_up(shards, 2 * shards, lines)
    }

    fn set_up(shards: usize, nodes: usize, lines: &str) -> Self {
        let lines = format!("{LINES}\n{lines}");
        let setup = Setup {
            lines: &lines,
            cluster: true,
            ..Setup::default()
        };
        let nodes = thread::scope(|threads| {
            let started: Vec<_> = (0..nodes)
                .map(|_| threads.spawn(|| Server::set_up(&setup)))
                .collect();
            started
                .into_iter()
                .map(|node| node.join().expect("a node"))
                .collect()
        });
        let cluster = Self { nodes, shards };
        cluster.share_slots();
        cluster.meet();
        cluster.follow();
        cluster.wait_until_ok();
        cluster
    }

    fn share_slots(&self) {
        for shard in 0..self.shards {
            let [first, next] = [shard, shard + 1].map(|n| n * slots::COUNT / self.shards);
            let mut c = self.client(shard);
            let last = next - 1;
            c.check(format!("CLUSTER ADDSLOTSRANGE {first} {last}"), "OK");
            c.check(format!("CLUSTER SET-CONFIG-EPOCH {}", shard + 1), "OK");
        }
    }

    /// Introduces everybody to everybody, which is quicker than to let them gossip.
    fn meet(&self) {
        for (n, node) in self.nodes.iter().enumerate() {
            let mut c = node.client();
            for other in &self.nodes[..n] {
                let bus = other.client().setting("cluster-port");
                c.check(
                    format!("CLUSTER MEET 127.0.0.1 {} {bus}", other.port()),
                    "OK",
                );
            }
        }
    }

    /// A primary without slots that all others know.
    pub fn newcomer(&self) -> Server {
        let newcomer = Server::set_up(&Setup {
            cluster: true,
            ..Setup::default()
        });
        let bus = newcomer.client().setting("cluster-port");
        for node in &self.nodes {
            let meet = format!("CLUSTER MEET 127.0.0.1 {} {bus}", newcomer.port());
            node.client().check(meet, "OK");
        }
        let knows_all = |node: &Server| {
            let known = node.client().text("CLUSTER NODES");
            known.matches("master ").count() == self.shards + 1
        };
        wait_until("everybody knows everybody", || {
            self.nodes.iter().chain([&newcomer]).all(knows_all)
        });
        newcomer
    }

    /// Removes a node without slots, as `redis-cli --cluster del-node` does.
    pub fn remove(&self, removed: &Server) {
        let id = removed.client().text("CLUSTER MYID");
        for node in &self.nodes {
            node.client().check(format!("CLUSTER FORGET {id}"), "OK");
        }
        removed.client().check("CLUSTER RESET HARD", "OK");
    }

    fn follow(&self) {
        for (n, node) in self.nodes.iter().enumerate().skip(self.shards) {
            self.make_replica(node, n - self.shards);
        }
    }

    /// Makes a node without slots the replica of another, and waits until it is in sync.
    fn make_replica(&self, node: &Server, primary: usize) {
        let mut c = node.client();
        let id = self.client(primary).text("CLUSTER MYID");
        wait_until("the replica knows its primary", || {
            c.text(format!("CLUSTER REPLICATE {id}")) == "OK"
        });
        wait_until("the replica is in sync", || is_in_sync(&mut c));
    }

    /// Waits until every node is served and knows who is a replica, and each replica is in sync.
    fn wait_until_ok(&self) {
        let replicas = self.nodes.len() - self.shards;
        for node in &self.nodes {
            let mut c = node.client();
            wait_until("the cluster is up", || {
                let peers = view::of(&mut c);
                let followers = peers.iter().filter(|peer| !peer.primary).count();
                let follows = peers.iter().any(|peer| peer.myself && !peer.primary);
                let all_known = peers.len() == self.nodes.len() && followers == replicas;
                view::is_ok(&mut c) && all_known && (!follows || is_in_sync(&mut c))
            });
        }
    }

    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    pub fn node(&self, n: usize) -> &Server {
        &self.nodes[n]
    }

    #[track_caller]
    pub fn client(&self, n: usize) -> Client {
        self.nodes[n].client()
    }

    /// A client that finds the node for each key by itself.
    pub fn router(&self) -> Router {
        Router::new(&self.nodes)
    }

    /// The node that is the primary of a shard at present. The shard has one that runs.
    pub fn primary(&self, shard: usize) -> usize {
        let mut found = None;
        wait_until("the shard has a primary", || {
            found = (shard..self.nodes.len())
                .step_by(self.shards)
                .find(|n| self.leads(*n));
            found.is_some()
        });
        found.expect("a primary")
    }

    /// The node that is the replica of a shard, or was one.
    pub fn replica(&self, shard: usize) -> usize {
        2 * shard + self.shards - self.primary(shard)
    }

    /// Whether a node runs and is a primary that owns slots.
    fn leads(&self, n: usize) -> bool {
        let Ok(mut c) = Client::connect(&self.nodes[n].socket()) else {
            return false;
        };
        let peers = view::try_of(&mut c).unwrap_or_default();
        peers
            .iter()
            .any(|peer| peer.myself && peer.primary && peer.has_slots())
    }

    /// Has a replica take over from its primary; `how` is empty, `FORCE` or `TAKEOVER`.
    pub fn fail_over(&self, shard: usize, how: &str) {
        self.wait_until_agreed();
        let heir = self.replica(shard);
        self.client(heir)
            .check(format!("CLUSTER FAILOVER {how}"), "OK");
        self.wait_for_heir(heir);
        self.wait_until_ok();
    }

    /// Waits until all nodes know the same of epochs and slots. A slot's new owner does not ask
    /// anybody. If it died with the news, it might come back and outrank its successor; and a
    /// replica that takes over takes all slots that it thinks its primary has.
    pub fn wait_until_agreed(&self) {
        let views = || {
            self.nodes
                .iter()
                .map(|node| view::of_slots(&mut node.client()))
        };
        wait_until("all nodes know the same", || {
            let mut views = views();
            let first = views.next();
            views.all(|view| Some(view) == first)
        });
    }

    /// Ends a node without warning.
    pub fn kill(&mut self, n: usize) {
        self.nodes[n].kill();
    }

    /// Waits until a node leads its shard and everybody who runs sends callers there.
    pub fn wait_for_heir(&self, heir: usize) {
        wait_until("the replica takes over", || self.leads(heir));
        let port = self.nodes[heir].port();
        for node in &self.nodes {
            let Ok(mut c) = Client::connect(&node.socket()) else {
                continue;
            };
            wait_until("the others know of it", || {
                let leads = |peer: &Peer| peer.port == port && peer.primary && peer.has_slots();
                view::of(&mut c).iter().any(leads)
            });
        }
    }

    /// Ends a node without warning and starts it again before anybody succeeds it.
    pub fn restart(&mut self, n: usize) {
        self.nodes[n].crash();
        self.wait_until_ok();
    }

    /// Starts a node again that was killed and succeeded, with nothing on its disk, as the replica of
    /// the other in its shard.
    pub fn revive(&mut self, dead: usize) {
        fs::remove_file(self.nodes[dead].dir().join("dump.rdb")).ok();
        self.nodes[dead].start_again();
        let node = &self.nodes[dead];
        let mut c = node.client();
        wait_until("the node hears that it was succeeded", || {
            !view::of(&mut c)
                .iter()
                .any(|peer| peer.myself && peer.has_slots())
        });
        let heir = (dead + self.shards) % self.nodes.len();
        self.make_replica(node, heir);
        self.wait_until_ok();
    }

    /// Waits until each replica has applied all that its primary has written.
    pub fn wait_for_replicas(&self) {
        for shard in 0..self.shards {
            let [primary, replica] = [self.primary(shard), self.replica(shard)];
            self.nodes[primary].wait_for(&self.nodes[replica]);
        }
    }

    /// Announces that a slot is to go from one node to another.
    #[track_caller]
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) {
        let (mut source, mut target) = (self.client(from), self.client(to));
        let [source_id, target_id] =
            [&mut source, &mut target].map(|c: &mut Client| c.text("CLUSTER MYID"));
        target.check(
            format!("CLUSTER SETSLOT {slot} IMPORTING {source_id}"),
            "OK",
        );
        source.check(
            format!("CLUSTER SETSLOT {slot} MIGRATING {target_id}"),
            "OK",
        );
    }

    /// Carries up to `count` keys of a slot from a node to the one at a port, which may be that of a
    /// road there. Returns how many there were.
    ///
    /// # Errors
    /// What the source says when the target does not take them.
    pub fn carry(&self, slot: u16, from: usize, port: u16, count: usize) -> Result<usize, String> {
        let mut source = self.client(from);
        let keys: Vec<String> = source
            .array(format!("CLUSTER GETKEYSINSLOT {slot} {count}"))
            .iter()
            .map(show)
            .collect();
        if keys.is_empty() {
            return Ok(0);
        }
        let reply = source.text(format!(
            "MIGRATE 127.0.0.1 {port} '' 0 500 REPLACE KEYS {}",
            keys.join(" ")
        ));
        match &*reply {
            // All of them may have expired meanwhile.
            "OK" | "NOKEY" => Ok(keys.len()),
            _ => Err(reply),
        }
    }

    /// Declares a slot another node's: to that node first, so that nobody is sent in circles.
    #[track_caller]
    pub fn end_move(&self, slot: u16, to: usize) {
        let id = self.client(to).text("CLUSTER MYID");
        let others = (0..self.shards)
            .map(|shard| self.primary(shard))
            .filter(|n| *n != to);
        for n in std::iter::once(to).chain(others) {
            self.client(n)
                .check(format!("CLUSTER SETSLOT {slot} NODE {id}"), "OK");
        }
    }

    /// Moves a slot with all its keys, as `redis-cli --cluster reshard` does, or goes on with a
    /// move that was broken off. Returns how many keys there were.
    #[track_caller]
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) -> usize {
        self.move_slot_slowly(slot, from, to, || Duration::ZERO)
    }

    /// The same, with keys that are that long on their way.
    #[track_caller]
    pub fn move_slot_slowly(
        &self,
        slot: u16,
        from: usize,
        to: usize,
        mut delay: impl FnMut() -> Duration,
    ) -> usize {
        self.begin_move(slot, from, to);
        let mut moved = 0;
        wait_until("all keys are carried over", || {
            let road = Relay::slow(self.nodes[to].port(), delay());
            // A transfer that took too long is made again.
            let carried = self.carry(slot, from, road.port(), 100);
            moved += carried.as_ref().map_or(0, |count| *count);
            carried == Ok(0)
        });
        self.end_move(slot, to);
        moved
    }
}

/// Whether a replica has its primary's data and gets what is written.
fn is_in_sync(c: &mut Client) -> bool {
    c.server_info("replication", "master_link_status") == "up"
}
