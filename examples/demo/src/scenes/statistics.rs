//! What the server counted of all this.

use redis::Value;

use super::{Stage, command};
use crate::caller::statistics;
use crate::failure::Failure;
use crate::transcript;

/// What the scenes before must have added up to.
const EXPECTED: [(&str, f64); 5] = [
    ("leases-granted", 4.0),
    ("fills", 2.0),
    ("fills-refused", 1.0),
    ("waits-filled", 199.0),
    ("entries-dead", 0.0),
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
    for (name, expected) in EXPECTED {
        let found = counted.get(name).copied().unwrap_or(f64::NAN);
        screen.check(
            found == expected,
            format!("{name} is {found}, as the scenes above add up to"),
        )?;
    }
    Ok(())
}

fn line(name: &Value, value: &Value) -> String {
    format!(
        "{:<22}{:>12}",
        transcript::reply(name).trim_matches('"'),
        transcript::reply(value)
    )
}
