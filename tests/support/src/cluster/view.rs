//! The cluster as one of its nodes sees it.

use std::collections::BTreeMap;

use super::super::client::Client;
use super::super::reply::show;

/// A node, in the eyes of another or its own.
pub(super) struct Peer {
    pub(super) port: u16,
    pub(super) myself: bool,
    pub(super) primary: bool,
    /// Nobody counts on it any more.
    pub(super) failed: bool,
    /// The ranges of slots it has.
    pub(super) slots: Vec<String>,
}

impl Peer {
    /// Reads a line of `CLUSTER NODES`: id, address, flags, primary, three times, link, slots.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (_id, address, flags) = (words.next()?, words.next()?, words.next()?);
        let port = address.split('@').next()?.rsplit(':').next()?;
        let flags: Vec<_> = flags.split(',').collect();
        let is = |flag| flags.contains(&flag);
        // A slot that is on its way is listed in brackets, and not this node's for that.
        let slots = words.skip(5).filter(|slots| !slots.starts_with('['));
        (!is("handshake")).then_some(Self {
            port: port.parse().ok()?,
            myself: is("myself"),
            primary: is("master"),
            failed: is("fail"),
            slots: slots.map(str::to_owned).collect(),
        })
    }

    pub(super) fn has_slots(&self) -> bool {
        !self.slots.is_empty()
    }
}

/// All nodes that this one knows, itself included.
#[track_caller]
pub(super) fn of(c: &mut Client) -> Vec<Peer> {
    try_of(c).expect("the node knows the cluster")
}

/// The same of a node that may be about to end.
pub(super) fn try_of(c: &mut Client) -> Option<Vec<Peer>> {
    c.try_send("CLUSTER NODES").ok()?;
    match c.try_reply().ok()? {
        redis::Value::BulkString(text) => Some(parse_all(&String::from_utf8_lossy(&text))),
        redis::Value::VerbatimString { text, .. } => Some(parse_all(&text)),
        other => panic!("no list of nodes: {}", show(&other)),
    }
}

fn parse_all(text: &str) -> Vec<Peer> {
    text.lines().filter_map(Peer::parse).collect()
}

/// Whether the node serves its slots.
pub(super) fn is_ok(c: &mut Client) -> bool {
    fact(c, "cluster_state") == "ok"
}

/// What all nodes have to agree about: the latest epoch, and who has which slots.
pub(super) fn of_slots(c: &mut Client) -> (String, BTreeMap<u16, Vec<String>>) {
    let epoch = fact(c, "cluster_current_epoch");
    let peers = of(c).into_iter();
    (epoch, peers.map(|peer| (peer.port, peer.slots)).collect())
}

/// A line of `CLUSTER INFO`.
fn fact(c: &mut Client, name: &str) -> String {
    let info = c.bytes("CLUSTER INFO");
    let info = String::from_utf8_lossy(&info);
    let fact = info
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    fact.unwrap_or_else(|| panic!("no {name} in {info}"))
        .to_owned()
}
