//! What the server counted of all this.

use redis::Value;

use super::{Stage, command};
use crate::caller::statistics;
use crate::failure::Failure;
use crate::transcript;

/// What the scenes before must have added up to.
const EXPECTED: [(&str, usize); 5] = [
    ("leases-granted", 4),
    ("fills", 2),
    ("fills-refused", 1),
    ("waits-filled", 199),
    ("entries-dead", 0),
];

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("Statistics");
    let mut caller = stage.caller("")?;
    let ask = command("CACHE.STATS");
    screen.command("", &ask);
    let reply: Value = ask.query(caller.connection())?;
    let fields = reply
        .as_map_iter()
        .ok_or_else(|| Failure::unexpected(&reply))?;
    let lines: Vec<String> = fields.map(|(name, value)| line(name, value)).collect();
    for pair in lines.chunks(2) {
        screen.columns(&pair[0], pair.get(1).map_or("", String::as_str));
    }
    screen.gap();
    let counted = statistics(caller.connection())?;
    let expected = EXPECTED
        .map(|(name, number)| format!("{name} {number}"))
        .join(", ");
    screen.check(
        EXPECTED
            .iter()
            .all(|&(name, number)| counted.get(name) == Some(&number)),
        format!("{expected}: what the scenes above add up to"),
    )
}

fn line(name: &Value, value: &Value) -> String {
    let value = match value {
        Value::Double(ratio) => format!("{ratio:.4}"),
        other => transcript::reply(other),
    };
    format!(
        "{:<22}{value:>12}",
        transcript::reply(name).trim_matches('"')
    )
}
