//! Who is a primary, by what `CLUSTER NODES` says, and what the answers of several nodes amount to.

use std::collections::BTreeSet;
use std::time::Duration;

use redis::Value;

use crate::error::{Error, Result};
use crate::failure::{Failure, failure_of};
use crate::invalidated::Invalidated;
use crate::protocol::reply;

/// How often all primaries are told, until all of them have confirmed.
pub(crate) const ATTEMPTS: u32 = 3;
/// How long after an attempt the next one is made, times its number.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// `host:port`. A host that is left out is the one that was asked.
    pub(crate) fn parse(text: &str, asked: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() { asked } else { host };
        Some(Self {
            host: host.to_owned(),
            port: port.parse().ok()?,
        })
    }
}

/// All primaries that may have entries: also those without slots, which may be about to get some, and
/// those that have failed while they still have slots. `asked` is the node that has given this answer:
/// it may not know its own host. `by_name`: by the host names that they announce, if they do, which is what
/// certificates are made out to.
///
/// # Errors
///
/// If they do not have all slots between them. A node that was removed from its cluster goes on
/// answering, and knows nobody but itself.
pub(crate) fn masters(reply: Value, asked: &Address, by_name: bool) -> Result<BTreeSet<Address>> {
    let nodes = match reply {
        Value::BulkString(text) => String::from_utf8_lossy(&text).into_owned(),
        Value::VerbatimString { text, .. } => text,
        _ => return Err(Error::Reply("CLUSTER NODES")),
    };
    let (masters, slots): (BTreeSet<Address>, Vec<usize>) = nodes
        .lines()
        .filter_map(|line| master(line, asked, by_name))
        .unzip();
    if slots.iter().sum::<usize>() == SLOTS {
        Ok(masters)
    } else {
        Err(Error::Config(
            "no node of the cluster was found that knows a primary of every slot".to_owned(),
        ))
    }
}

/// Where it is and how many slots it has:
/// `id host:port@bus[,name] flags primary ping pong epoch link slots...`
fn master(line: &str, asked: &Address, by_name: bool) -> Option<(Address, usize)> {
    let mut words = line.split(' ');
    let (_id, place, flags) = (words.next()?, words.next()?, words.next()?);
    let has = |flag| flags.split(',').any(|word| word == flag);
    let slots = words.skip(5).map(slots_in).sum();
    if !has("master") || (has("fail") && slots == 0) || has("handshake") {
        return None;
    }
    // A node without an address has port 0: it can't be reached, and counts as one that was not.
    let mut place = place.split(['@', ',']);
    let mut address = Address::parse(place.next()?, &asked.host)?;
    let name = place.nth(1).filter(|name| by_name && !name.is_empty());
    if let Some(name) = name {
        address.host = name.to_owned();
    }
    Some((address, slots))
}

/// `7` or `0-5460`. Slots that are on their way, as in `[93->-id]`, are among these already, or will be.
fn slots_in(range: &str) -> usize {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => last - first + 1,
        _ => 0,
    }
}

/// Adds up what all primaries have answered. One that could not be reached has not confirmed.
///
/// # Errors
///
/// What a primary says that refuses: to repeat it would not help.
pub(crate) fn added_up(replies: Vec<Result<Value>>) -> Result<Invalidated> {
    let mut told = Invalidated {
        entries: 0,
        reached: 0,
        expected: replies.len(),
    };
    for reply in replies {
        match reply.and_then(|reply| reply::count(&reply, "CACHE.INVALIDATE")) {
            Ok(entries) => {
                told.entries += entries;
                told.reached += 1;
            }
            Err(error) if failure_of(&error) == Failure::OfCommand => return Err(error),
            Err(_) => {}
        }
    }
    Ok(told)
}

/// What the last attempt comes to.
///
/// # Errors
///
/// If all have confirmed who were primaries before, and others are primaries now.
pub(crate) fn concluded(told: Invalidated, settled: bool) -> Result<Invalidated> {
    if told.is_complete() && !settled {
        return Err(Error::Config(
            "the primaries of the cluster changed while they were told: repeat the invalidation"
                .to_owned(),
        ));
    }
    Ok(told)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {

    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn at(host: &str, port: u16) -> Address {
        Address {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn primaries_are_those_that_have_or_may_get_slots() {
        let nodes = "\
            a 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460\n\
            b 10.0.0.2:7000@17000,name.example master - 0 0 2 connected\n\
            c 10.0.0.3:7000@17000 slave a 0 0 1 connected\n\
            d 10.0.0.4:7000@17000 master,fail - 0 0 3 disconnected 5461-8999 9000\n\
            e 10.0.0.5:7000@17000 master,fail - 0 0 3 disconnected\n\
            f fe80::1:7000@17000 master,fail? - 0 0 3 disconnected 9001-16383 [7-<-a]\n";
        let expected = [
            at("10.0.0.1", 7000),
            at("10.0.0.2", 7000),
            at("10.0.0.4", 7000),
            at("fe80::1", 7000),
        ];
        let found = masters(text(nodes), &at("x", 1), false).unwrap();
        assert_eq!(found, expected.into_iter().collect());
    }

    #[test]
    fn by_name_are_those_who_announce_one() {
        let nodes = "\
            a 10.0.0.1:7000@17000,a.example myself,master - 0 0 1 connected 0-5460\n\
            b 10.0.0.2:7000@17000,,shard-id=1 master - 0 0 2 connected 5461-10000\n\
            c 10.0.0.3:7000@17000 master - 0 0 2 connected 10001-16383\n";
        let expected = [
            at("a.example", 7000),
            at("10.0.0.2", 7000),
            at("10.0.0.3", 7000),
        ];
        let found = masters(text(nodes), &at("x", 1), true).unwrap();
        assert_eq!(found, expected.into_iter().collect());
    }

    #[test]
    fn a_node_that_does_not_know_its_host_has_the_one_it_was_asked_at() {
        let nodes = "a :7000@17000 myself,master - 0 0 1 connected 0-16383\n";
        let found = masters(text(nodes), &at("here", 9), false).unwrap();
        assert_eq!(found, [at("here", 7000)].into_iter().collect());
    }

    #[test]
    fn who_does_not_know_a_primary_of_every_slot_is_not_believed() {
        for slots in ["", " 0-16382", " 1-16383", " 0-99 101-16383", " [0-<-b]"] {
            let nodes = format!("a :7000@17000 myself,master - 0 0 1 connected{slots}\n");
            let found = masters(text(&nodes), &at("here", 9), false);
            assert!(matches!(found, Err(Error::Config(_))), "{slots}: {found:?}");
        }
        let found = masters(Value::Nil, &at("here", 9), false);
        assert!(matches!(found, Err(Error::Reply(_))), "{found:?}");
    }
}
