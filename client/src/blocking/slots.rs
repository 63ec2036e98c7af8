//! Which node has which slots, by what `CLUSTER SLOTS` says.

use std::collections::HashMap;

use redis::cluster_routing::Slot;
use redis::{Arg, Cmd, Value};

use crate::error::{Error, Result};
use crate::topology::Address;

/// The primary of each slot that has one.
pub(crate) type Owners = HashMap<Slot, Address>;

/// `asked` is the node that has given this answer: it may not know its own host.
///
/// # Errors
///
/// Also if no slot has one: a node that was removed from its cluster goes on answering.
pub(crate) fn owners(reply: Value, asked: &Address) -> Result<Owners> {
    let Value::Array(ranges) = reply else {
        return Err(unexpected());
    };
    let mut owners = Owners::new();
    for range in ranges {
        let (first, last, primary) = range_of(range, asked).ok_or_else(unexpected)?;
        let slots = (first..=last).filter_map(Slot::new);
        owners.extend(slots.map(|slot| (slot, primary.clone())));
    }
    if owners.is_empty() {
        return Err(Error::Unavailable);
    }
    Ok(owners)
}

fn unexpected() -> Error {
    Error::Reply("CLUSTER SLOTS")
}

/// `[first, last, [host, port, ...], replicas ...]`
fn range_of(range: Value, asked: &Address) -> Option<(u16, u16, Address)> {
    let Value::Array(range) = range else {
        return None;
    };
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(primary),
        ..,
    ] = range.as_slice()
    else {
        return None;
    };
    let [host, Value::Int(port), ..] = primary.as_slice() else {
        return None;
    };
    let host = match host {
        Value::BulkString(host) if !host.is_empty() && host != b"?" => {
            String::from_utf8_lossy(host).into_owned()
        }
        _ => asked.host.clone(),
    };
    let port = u16::try_from(*port).ok()?;
    Some((
        u16::try_from(*first).ok()?,
        u16::try_from(*last).ok()?,
        Address { host, port },
    ))
}

/// The slot of a command's key: its first argument, but for a script.
pub(crate) fn slot_of(command: &Cmd) -> Option<Slot> {
    let mut words = command.args_iter();
    let before_key = match words.next()? {
        Arg::Simple(b"EVAL") => 2,
        _ => 0,
    };
    match words.nth(before_key)? {
        Arg::Simple(key) => Some(Slot::for_key(key)),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::protocol::command;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn node(host: Value, port: i64) -> Value {
        Value::Array(vec![
            host,
            Value::Int(port),
            text("id"),
            Value::Array(vec![]),
        ])
    }

    #[test]
    fn every_slot_has_its_primary_and_hosts_may_be_left_out() {
        let range = |first, last, primary, replica| {
            Value::Array(vec![Value::Int(first), Value::Int(last), primary, replica])
        };
        let reply = Value::Array(vec![
            range(0, 99, node(text("a"), 1), node(text("b"), 2)),
            range(100, 100, node(text(""), 3), node(text("b"), 4)),
            range(101, 101, node(Value::Nil, 5), node(text("b"), 6)),
            range(102, 102, node(text("?"), 7), node(text("b"), 8)),
        ]);
        let host = "asked".to_owned();
        let owners = owners(reply, &Address { host, port: 9 }).unwrap();
        let owner = |slot| {
            let owner = owners.get(&Slot::new(slot).unwrap());
            owner.map(|owner| (owner.host.as_str(), owner.port))
        };
        assert_eq!(
            [0, 99, 100, 101, 102, 103].map(owner),
            [
                Some(("a", 1)),
                Some(("a", 1)),
                Some(("asked", 3)),
                Some(("asked", 5)),
                Some(("asked", 7)),
                None
            ]
        );
    }

    #[test]
    fn a_reply_that_makes_no_sense_is_an_error() {
        let host = "asked".to_owned();
        let asked = Address { host, port: 9 };
        for reply in [Value::Nil, Value::Array(vec![Value::Int(1)])] {
            assert!(matches!(owners(reply, &asked), Err(Error::Reply(_))));
        }
        let nobody = owners(Value::Array(Vec::new()), &asked);
        assert!(matches!(nobody, Err(Error::Unavailable)));
    }

    #[test]
    fn commands_are_routed_by_their_keys() {
        let slot = Some(Slot::for_key("k"));
        assert_eq!(slot_of(&command::get("k")), slot);
        assert_eq!(slot_of(&command::unlink(&["k"])), slot);
        assert_eq!(slot_of(&command::delete_if_same("k", b"v")), slot);
        assert_eq!(slot_of(&command::server_stats()), None);
    }
}
