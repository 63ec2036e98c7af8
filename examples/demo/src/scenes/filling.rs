//! The whole catalogue goes into the cache.

use std::time::{Duration, Instant};

use redis::{Connection, Value};

use super::{Stage, store};
use crate::caller::{statistics, used_memory};
use crate::catalogue::Record;
use crate::failure::Failure;
use crate::quantity::{bytes, count, duration};

/// Commands sent before their replies are read.
const BATCH: usize = 500;

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let (screen, records) = (stage.screen, &stage.catalogue.records);
    screen.scene("Filling the cache");
    screen.prose(
        "One entry for each package. Its tags say what it depends on: the section, the maintainer, \
         the priority, and the package's own tags. One command stores them all.",
    );
    let mut caller = stage.caller("")?;
    let hero = stage.catalogue.hero()?;
    caller.types(&store(hero, &hero.text, None))?;
    screen.gap();

    let before = used_memory(caller.connection())?;
    let started = Instant::now();
    let stored = fill(stage, caller.connection())?;
    let took = started.elapsed();
    let memory = used_memory(caller.connection())?.saturating_sub(before);

    let links: usize = records.iter().map(|record| record.tags.len()).sum();
    let text: usize = records.iter().map(|record| record.text.len()).sum();
    let counted = statistics(caller.connection())?;
    let index = counted.get("index-bytes").copied().unwrap_or_default();
    screen.fact(format!(
        "{} entries in {}, {} a second over one connection",
        count(stored),
        duration(took),
        count(per_second(stored, took)),
    ));
    screen.fact(format!(
        "{} of text with {} tags on it take {} of memory, the index {} of that",
        bytes(text),
        count(links),
        bytes(memory),
        bytes(index),
    ));
    screen.check(
        stored == records.len() && counted.get("entries") == Some(&stored),
        "every package is in the cache, and CACHE.STATS counts as many entries",
    )
}

fn per_second(number: usize, took: Duration) -> usize {
    number * 1_000_000
        / usize::try_from(took.as_micros())
            .unwrap_or(usize::MAX)
            .max(1)
}

/// Stores every record; how many the server accepted.
fn fill(stage: &Stage<'_>, connection: &mut Connection) -> Result<usize, Failure> {
    let bar = stage.screen.progress(stage.catalogue.records.len());
    let mut stored = 0;
    for batch in stage.catalogue.records.chunks(BATCH) {
        stored += store_batch(batch, connection)?;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(stored)
}

fn store_batch(batch: &[Record], connection: &mut Connection) -> Result<usize, Failure> {
    let mut pipeline = redis::pipe();
    for record in batch {
        pipeline.add_command(store(record, &record.text, None));
    }
    let replies: Vec<Value> = pipeline.query(connection)?;
    Ok(replies
        .iter()
        .filter(|reply| **reply == Value::Okay)
        .count())
}
