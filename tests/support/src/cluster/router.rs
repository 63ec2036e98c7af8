//! A client that sends each command to the node that has its key, as a cluster's clients do.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use redis::{RedisError, Value};

use super::super::client::Client;
use super::super::reply::show;
use super::super::server::Server;
use super::super::wait::{DEADLINE, wait_until};
use super::slots::{self, key_slot};
use super::view::{self, Peer};

/// How long to leave a node alone that cannot answer yet.
const PAUSE: Duration = Duration::from_millis(2);

/// Connections to all nodes of a cluster, each made when it is first needed.
pub struct Router {
    sockets: Vec<(u16, PathBuf)>,
    connections: HashMap<u16, Client>,
    /// The port of the node that was last found to have a slot.
    owners: Vec<u16>,
    /// Whom to begin with next time.
    turn: usize,
}

/// Where a node sends a caller whom it does not answer.
enum Redirection {
    /// For good.
    Moved(u16),
    /// This once.
    Ask(u16),
    /// Nowhere yet.
    Later,
}

impl Redirection {
    fn of(reply: &Value) -> Option<Self> {
        let Value::ServerError(_) = reply else {
            return None;
        };
        let text = show(reply);
        let port = || text.rsplit(':').next()?.parse().ok();
        match text.split(' ').next()? {
            "-MOVED" => port().map(Self::Moved),
            "-ASK" => port().map(Self::Ask),
            // The last is what a primary says that has just become a replica.
            "-TRYAGAIN" | "-CLUSTERDOWN" | "-LOADING" | "-MASTERDOWN" | "-READONLY" => {
                Some(Self::Later)
            }
            _ => None,
        }
    }
}

impl Router {
    pub(super) fn new(nodes: &[Server]) -> Self {
        let sockets: Vec<_> = nodes
            .iter()
            .map(|node| (node.port(), node.socket()))
            .collect();
        Self {
            owners: vec![sockets[0].0; slots::COUNT],
            sockets,
            connections: HashMap::new(),
            turn: 0,
        }
    }

    /// Runs a command whose first argument is its key, wherever the key is. A node that cannot be
    /// reached is not asked twice: another one will know its successor.
    ///
    /// # Errors
    /// The connection was lost with the command on its way: nobody knows whether it was done.
    pub fn run(&mut self, words: &str) -> Result<Value, RedisError> {
        let key = words.split_whitespace().nth(1).expect("a key");
        let slot = usize::from(key_slot(key.as_bytes()));
        let (start, mut asked) = (Instant::now(), None);
        loop {
            let port = asked.unwrap_or(self.owners[slot]);
            if self.connect(port).is_err() {
                self.owners[slot] = self.next_port();
                asked = None;
                thread::sleep(PAUSE);
            } else {
                let reply = self.exchange(port, asked.is_some(), words)?;
                match Redirection::of(&reply) {
                    None => return Ok(reply),
                    Some(Redirection::Ask(there)) => asked = Some(there),
                    Some(Redirection::Moved(there)) => {
                        asked = None;
                        self.owners[slot] = there;
                    }
                    Some(Redirection::Later) => {
                        asked = None;
                        thread::sleep(PAUSE);
                    }
                }
            }
            assert!(start.elapsed() < DEADLINE, "nobody answers {words}");
        }
    }

    /// [`run`](Self::run), and the reply as text.
    #[track_caller]
    pub fn text(&mut self, words: &str) -> String {
        show(&self.run(words).expect("a reply"))
    }

    #[track_caller]
    pub fn check(&mut self, words: &str, expected: &str) {
        assert_eq!(self.text(words), expected, "\n in answer to {words}");
    }

    /// Runs a command that adds something up on every primary, and returns the sum. With
    /// `replicas`, each has to confirm that as many have it.
    ///
    /// # Errors
    /// Which primary could not be reached or did not confirm, or that there were others in the
    /// end: then nothing is promised, and the caller has to begin again.
    pub fn try_everywhere(&mut self, words: &str, replicas: usize) -> Result<i64, String> {
        let primaries = self.primaries();
        self.turn += 1;
        let mut sum = 0;
        for n in 0..primaries.len() {
            let port = primaries[(self.turn + n) % primaries.len()];
            sum += self.count(port, words)?;
            if replicas > 0 && self.count(port, &format!("WAIT {replicas} 500"))? == 0 {
                return Err(format!("no replica of {port} confirms {words}"));
            }
        }
        match self.primaries() == primaries {
            true => Ok(sum),
            false => Err(format!("the primaries changed during {words}")),
        }
    }

    /// [`try_everywhere`](Self::try_everywhere) until it works. What an attempt that failed has
    /// counted is not in the sum.
    pub fn everywhere(&mut self, words: &str, replicas: usize) -> i64 {
        let mut sum = 0;
        wait_until("all primaries answer", || {
            self.try_everywhere(words, replicas)
                .inspect(|found| sum = *found)
                .is_ok()
        });
        sum
    }

    /// All whom anybody takes for a primary, those without slots included: a node that gets its
    /// first slot has keys before it has a slot.
    fn primaries(&mut self) -> Vec<u16> {
        let mut found = BTreeSet::new();
        for port in self.ports() {
            let peers = match self.connect(port) {
                Ok(c) => view::try_of(c).unwrap_or_default(),
                Err(_) => continue,
            };
            // One that has failed and was not succeeded yet is missed as well.
            let counts = |peer: &&Peer| peer.primary && (peer.has_slots() || !peer.failed);
            found.extend(peers.iter().filter(counts).map(|peer| peer.port));
        }
        found.into_iter().collect()
    }

    fn count(&mut self, port: u16, words: &str) -> Result<i64, String> {
        self.connect(port)
            .map_err(|error| format!("{port} cannot be reached: {error}"))?;
        match self.exchange(port, false, words) {
            Ok(Value::Int(count)) => Ok(count),
            Ok(other) => Err(format!("{port} answers {}", show(&other))),
            Err(error) => Err(format!("{port} was lost: {error}")),
        }
    }

    fn exchange(&mut self, port: u16, asking: bool, words: &str) -> Result<Value, RedisError> {
        let c = self.connect(port)?;
        let mut say = |words: &str| {
            c.try_send(words)?;
            c.try_reply()
        };
        let reply = match asking {
            true => say("ASKING").and_then(|_| say(words)),
            false => say(words),
        };
        if reply.is_err() {
            self.connections.remove(&port);
        }
        reply
    }

    fn connect(&mut self, port: u16) -> io::Result<&mut Client> {
        if !self.connections.contains_key(&port) {
            let socket = self.sockets.iter().find(|(known, _)| *known == port);
            let (_, socket) = socket.expect("a node of this cluster");
            self.connections.insert(port, Client::connect(socket)?);
        }
        Ok(self.connections.get_mut(&port).expect("a connection"))
    }

    fn ports(&self) -> Vec<u16> {
        self.sockets.iter().map(|(port, _)| *port).collect()
    }

    fn next_port(&mut self) -> u16 {
        self.turn += 1;
        self.sockets[self.turn % self.sockets.len()].0
    }
}
