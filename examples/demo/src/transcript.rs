//! Commands and replies as text: what one would type into `redis-cli`, and what came back.

use redis::{Arg, Cmd, Value};

use crate::quantity;

/// Longer words and strings are cut to about this many characters.
const GLANCE: usize = 28;

/// The words of a command, quoted where they need to be.
pub(crate) fn words(command: &Cmd) -> Vec<String> {
    let word = |argument: Arg<&[u8]>| match argument {
        Arg::Simple(bytes) => word(&String::from_utf8_lossy(bytes)),
        Arg::Cursor => "0".into(),
        _ => "?".into(),
    };
    command.args_iter().map(word).collect()
}

fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c == '"' || c.is_control());
    if plain { text.to_owned() } else { quoted(text) }
}

/// A reply: strings quoted, lists in brackets, maps in braces.
pub(crate) fn reply(value: &Value) -> String {
    match value {
        Value::Nil => "(nil)".into(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Okay => "OK".into(),
        Value::SimpleString(text) => text.clone(),
        Value::BulkString(bytes) => string(&String::from_utf8_lossy(bytes)),
        Value::Array(items) | Value::Set(items) => format!("[{}]", list(items.iter().map(reply))),
        Value::Map(pairs) => {
            format!(
                "{{{}}}",
                list(
                    pairs
                        .iter()
                        .map(|(name, value)| format!("{}: {}", bare(name), reply(value)))
                )
            )
        }
        other => format!("{other:?}"),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn bare(name: &Value) -> String {
    match name {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => reply(other),
    }
}

fn string(text: &str) -> String {
    if text.chars().count() > GLANCE {
        format!("{} ({})", quoted(text), quantity::bytes(text.len()))
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    let beginning: String = text.chars().take(GLANCE).collect();
    let ellipsis = if beginning.len() < text.len() {
        "…"
    } else {
        ""
    };
    format!(
        "\"{}{ellipsis}\"",
        beginning
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn words_are_quoted_only_where_the_shell_of_redis_needs_it() {
        let command = redis::cmd("CACHE.SET")
            .arg("pkg:ed")
            .arg("two words\n")
            .arg("")
            .clone();
        assert_eq!(
            words(&command),
            ["CACHE.SET", "pkg:ed", r#""two words\n""#, r#""""#]
        );
    }

    #[test]
    fn long_strings_are_cut_and_measured() {
        let text = "x".repeat(100);
        assert_eq!(
            reply(&bulk(&text)),
            format!("\"{}…\" (100\u{a0}bytes)", "x".repeat(GLANCE))
        );
    }

    #[test]
    fn replies_nest() {
        let value = Value::Array(vec![bulk("miss"), Value::Nil, Value::Int(7)]);
        assert_eq!(reply(&value), r#"["miss", (nil), 7]"#);
        assert_eq!(
            reply(&Value::Map(vec![(bulk("entries"), Value::Int(3))])),
            "{entries: 3}"
        );
    }
}
