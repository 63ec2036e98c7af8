//! What a reader sees, and how long it takes.

use std::time::Duration;

use redis::{Connection, Value};

use super::{Stage, command};
use crate::caller::timed;
use crate::failure::Failure;
use crate::quantity::{count, duration, percentile};

const READS: usize = 20_000;

/// Coprime to any catalogue's size, so that stepping by it visits the records in scattered order.
const STRIDE: usize = 7_919;

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("Reading");
    screen.prose("An entry is a type of its own: value, times and tags live and die together.");
    let mut caller = stage.caller("")?;
    let hero = stage.catalogue.hero()?;
    let value = caller.types(&command(&format!("CACHE.GET {}", hero.key())))?;
    caller.types(&command(&format!("CACHE.GET {} WITHMETA", hero.key())))?;
    caller.types(&command(&format!("CACHE.TAGS {}", hero.key())))?;
    let absent = caller.types(&command("CACHE.GET pkg:no-such-package"))?;
    screen.check(
        is_text(&value, &hero.text),
        "the value comes back byte by byte",
    )?;
    screen.check(absent == Value::Nil, "what is not there is nil")?;
    screen.gap();

    let (times, same) = read_many(stage, caller.connection())?;
    screen.fact(format!(
        "{} reads across the whole catalogue, one after the other:",
        count(READS)
    ));
    screen.fact(format!(
        "half of them within {}, 99 of 100 within {}, the slowest {}",
        duration(percentile(&times, 50)),
        duration(percentile(&times, 99)),
        duration(percentile(&times, 100)),
    ));
    screen.check(
        same == READS,
        "every one of them was answered with the package's text",
    )
}

/// The times of all reads in ascending order, and how many gave the right text.
fn read_many(
    stage: &Stage<'_>,
    connection: &mut Connection,
) -> Result<(Vec<Duration>, usize), Failure> {
    let records = &stage.catalogue.records;
    let bar = stage.screen.progress(READS);
    let mut times = Vec::with_capacity(READS);
    let mut same = 0;
    for index in 0..READS {
        let record = &records[index * STRIDE % records.len()];
        let (value, took) = timed(redis::cmd("CACHE.GET").arg(record.key()), connection)?;
        same += usize::from(is_text(&value, &record.text));
        times.push(took);
        bar.inc(1);
    }
    bar.finish_and_clear();
    times.sort_unstable();
    Ok((times, same))
}

fn is_text(value: &Value, text: &str) -> bool {
    matches!(value, Value::BulkString(bytes) if bytes == text.as_bytes())
}
