//! What the server tells without being asked.

use redis::{PushInfo, PushKind, Value};

/// The two channels on which the module publishes tags of a database: those whose entries are dead
/// now, and those whose entries are stale.
pub(super) fn channels(database: i64) -> [String; 2] {
    ["invalidate", "markstale"].map(|what| format!("__cache@{database}__:{what}"))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Keys(Vec<String>),
    Tag(Vec<u8>),
    /// The database was flushed.
    All,
    Disconnected,
    None,
}

impl Change {
    pub(super) fn of(push: PushInfo) -> Self {
        match (push.kind, push.data.into_iter().next_back()) {
            (PushKind::Disconnection, _) => Self::Disconnected,
            (PushKind::Invalidate, Some(Value::Array(keys))) => {
                Self::Keys(keys.into_iter().filter_map(key).collect())
            }
            (PushKind::Invalidate, _) => Self::All,
            (PushKind::Message, Some(Value::BulkString(tag))) => Self::Tag(tag),
            // The subscription is gone, whatever the reason: it was not asked for.
            (PushKind::Unsubscribe, _) => Self::Disconnected,
            _ => Self::None,
        }
    }
}

/// Keys that are not UTF-8 were never asked for.
fn key(value: Value) -> Option<String> {
    match value {
        Value::BulkString(key) => String::from_utf8(key).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(kind: PushKind, data: Vec<Value>) -> Change {
        Change::of(PushInfo { kind, data })
    }

    fn text(bytes: &[u8]) -> Value {
        Value::BulkString(bytes.to_vec())
    }

    #[test]
    fn keys_are_named() {
        let keys = Value::Array(vec![text(b"a"), text(b"\xff"), text(b"b")]);
        let change = pushed(PushKind::Invalidate, vec![keys]);
        assert_eq!(change, Change::Keys(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_flush_names_none() {
        assert_eq!(pushed(PushKind::Invalidate, vec![Value::Nil]), Change::All);
    }

    #[test]
    fn a_message_is_a_tag() {
        let message = vec![text(b"__cache@0__:invalidate"), text(b"\xfft")];
        assert_eq!(
            pushed(PushKind::Message, message),
            Change::Tag(b"\xfft".to_vec())
        );
    }

    #[test]
    fn whatever_ends_the_news_ends_the_connection() {
        let gone = vec![text(b"__cache@0__:markstale"), Value::Int(0)];
        assert_eq!(pushed(PushKind::Unsubscribe, gone), Change::Disconnected);
        assert_eq!(
            pushed(PushKind::Disconnection, vec![]),
            Change::Disconnected
        );
    }

    #[test]
    fn a_confirmation_changes_nothing() {
        let begun = vec![text(b"__cache@0__:markstale"), Value::Int(2)];
        assert_eq!(pushed(PushKind::Subscribe, begun), Change::None);
    }

    #[test]
    fn channels_are_those_of_the_database() {
        let names = ["__cache@3__:invalidate", "__cache@3__:markstale"];
        assert_eq!(channels(3), names);
    }
}
