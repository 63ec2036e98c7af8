//! Replies as one line of text, so that an assertion reads like a session.

use std::collections::BTreeMap;

use redis::Value;

/// Writes a reply on one line.
///
/// Strings stand as they are (escaped, `''` if empty), integers as in RESP (`:1`), nil as `nil`,
/// errors as `-CODE text`, arrays in brackets, maps in braces.
pub fn show(value: &Value) -> String {
    match value {
        Value::Nil => "nil".into(),
        Value::Int(n) => format!(":{n}"),
        Value::Okay => "OK".into(),
        Value::SimpleString(text) => text.clone(),
        Value::BulkString(bytes) if bytes.is_empty() => "''".into(),
        Value::BulkString(bytes) => bytes.escape_ascii().to_string(),
        Value::VerbatimString { text, .. } => text.clone(),
        Value::Double(n) => n.to_string(),
        Value::Boolean(b) => b.to_string(),
        Value::Array(items) | Value::Set(items) => format!("[{}]", show_all(items)),
        Value::Push { kind, data } => format!("[{kind} {}]", show_all(data)),
        Value::Map(pairs) => format!("{{{}}}", show_pairs(pairs)),
        Value::ServerError(error) => match error.details() {
            Some(text) => format!("-{} {text}", error.code()),
            None => format!("-{}", error.code()),
        },
        other => panic!("a reply no command of this module should give: {other:?}"),
    }
}

fn show_all(items: &[Value]) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn show_pairs(pairs: &[(Value, Value)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(k, v)| format!("{}={}", show(k), show(v)));
    pairs.collect::<Vec<_>>().join(" ")
}

/// A map, whether it came as RESP3 map or as RESP2 array of names and values.
#[derive(Debug, PartialEq)]
pub struct Fields(BTreeMap<String, Value>);

impl Fields {
    pub fn of(value: Value) -> Self {
        match value {
            Value::Map(pairs) => Self(pairs.into_iter().map(|(k, v)| (show(&k), v)).collect()),
            Value::Array(flat) => {
                assert!(
                    flat.len().is_multiple_of(2),
                    "an odd map: {}",
                    show_all(&flat)
                );
                Self(
                    flat.chunks(2)
                        .map(|pair| (show(&pair[0]), pair[1].clone()))
                        .collect(),
                )
            }
            other => panic!("not a map: {}", show(&other)),
        }
    }

    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    #[track_caller]
    pub fn get(&self, name: &str) -> &Value {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("no field {name} in {:?}", self.names()))
    }

    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        show(self.get(name))
    }

    #[track_caller]
    pub fn int(&self, name: &str) -> i64 {
        match self.get(name) {
            Value::Int(n) => *n,
            other => panic!("{name} is no integer: {}", show(other)),
        }
    }

    /// A number that RESP2 carries as a string and RESP3 as a double.
    #[track_caller]
    pub fn float(&self, name: &str) -> f64 {
        self.text(name).trim_start_matches(':').parse().expect(name)
    }
}
