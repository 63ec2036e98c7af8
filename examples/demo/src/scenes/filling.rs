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
    let before = used_memory(caller.connection())?;
    caller.types(&store(hero, &hero.text, None))?;
    screen.gap();

    let started = Instant::now();
    let stored = fill(stage, caller.connection())?;
    let took = started.elapsed();
    let memory = used_memory(caller.connection())?.saturating_sub(before);
    let counted = statistics(caller.connection())?;
    let index = counted.get("index-bytes").copied().unwrap_or_default();
    report(stage, took, memory, index);
    screen.check(
        stored == records.len() && counted.get("entries") == Some(&stored),
        "every package is in the cache, and CACHE.STATS counts as many entries",
    )
}

fn report(stage: &Stage<'_>, took: Duration, memory: usize, index: usize) {
    let records = &stage.catalogue.records;
    let links = records.iter().map(|record| record.tags.len()).sum();
    let text = records.iter().map(|record| record.text.len()).sum();
    let micros = usize::try_from(took.as_micros()).unwrap_or(usize::MAX);
    let rate = records.len() * 1_000_000 / micros.max(1);
    let (entries, took, rate) = (count(records.len()), duration(took), count(rate));
    stage.screen.fact(format!(
        "{entries} entries in {took}, {rate} a second over one connection"
    ));
    let (text, links) = (bytes(text), count(links));
    let (memory, index) = (bytes(memory), bytes(index));
    stage.screen.fact(format!(
        "{text} of text and {links} tags take {memory} of memory, {index} of it the index"
    ));
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
