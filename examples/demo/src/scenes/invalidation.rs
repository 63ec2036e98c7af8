//! A tag is invalidated, then the largest of all, while another client goes on reading.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, Value};

use super::{Stage, command};
use crate::caller::{Caller, read, statistics, timed, used_memory};
use crate::catalogue::Record;
use crate::failure::Failure;
use crate::quantity::{bytes, count, duration, percentile};
use crate::server::wait_for;

/// How many invalidated entries are looked for right after the reply.
const PROBES: usize = 1_000;

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("Invalidating a tag");
    screen.prose(
        "The section's packages are about to change. One number is written, and everything stored \
         under the tag before is gone for every reader.",
    );
    let mut caller = stage.caller("")?;
    let hero = stage.catalogue.hero()?;
    let section = hero.section().cloned().unwrap_or_default();
    let dead = caller.types(&command(&format!("CACHE.INVALIDATE {section}")))?;
    let gone = caller.types(&command(&format!("CACHE.GET {}", hero.key())))?;
    let carried = carriers(stage, &section, "").count();
    screen.check(
        dead == int(carried),
        format!("all {} entries of {section} were counted", count(carried)),
    )?;
    screen.check(gone == Value::Nil, "none of them is read again")?;
    wait_until_reclaimed(caller.connection())?;
    screen.gap();
    invalidate_largest(stage, &mut caller, &section)
}

fn invalidate_largest(
    stage: &Stage<'_>,
    caller: &mut Caller<'_>,
    earlier: &str,
) -> Result<(), Failure> {
    let screen = stage.screen;
    let counts = stage.catalogue.tag_counts();
    let largest = counts
        .iter()
        .max_by_key(|&(_, entries)| *entries)
        .map_or("", |(tag, _)| tag);
    let alive: Vec<&Record> = carriers(stage, largest, earlier).collect();
    screen.prose(
        "The largest tag costs no more. Another client reads on meanwhile, as fast as it can.",
    );

    let before = used_memory(caller.connection())?;
    let done = AtomicBool::new(false);
    let survivor = survivor(stage, largest, earlier)?;
    let reader = stage.server.connect()?;
    let (dead, took, times) = thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(&done, survivor, reader));
        let outcome = invalidate_and_wait(stage, caller, largest, &alive);
        done.store(true, Ordering::Release);
        let times = reader
            .join()
            .unwrap_or_else(|_| Err(Failure::Machine("the reader panicked".into())));
        outcome.and_then(|(dead, took)| Ok((dead, took, times?)))
    })?;
    let freed = before.saturating_sub(used_memory(caller.connection())?);

    screen.fact(format!(
        "{} given back in the background within {}",
        bytes(freed),
        duration(took)
    ));
    screen.fact(format!(
        "{} reads meanwhile: 99 of 100 within {}, the slowest {}",
        count(times.len()),
        duration(percentile(&times, 99)),
        duration(percentile(&times, 100)),
    ));
    screen.check(
        dead == int(alive.len()),
        format!(
            "all {} entries of {largest} were counted",
            count(alive.len())
        ),
    )?;
    let left = statistics(caller.connection())?.get("entries").copied();
    let expected =
        stage.catalogue.records.len() - carriers(stage, earlier, "").count() - alive.len();
    screen.check(
        left == Some(expected as f64),
        format!(
            "the {} entries without the tags are untouched",
            count(expected)
        ),
    )
}

/// The reply, and how long it took from there until all memory was given back.
fn invalidate_and_wait(
    stage: &Stage<'_>,
    caller: &mut Caller<'_>,
    tag: &str,
    carriers: &[&Record],
) -> Result<(Value, Duration), Failure> {
    let reply = caller.types(&command(&format!("CACHE.INVALIDATE {tag}")))?;
    let replied = Instant::now();
    let probes = &carriers[..carriers.len().min(PROBES)];
    let keys: Vec<String> = probes.iter().map(|record| record.key()).collect();
    let readable: usize = read(
        redis::cmd("CACHE.EXISTS")
            .arg(keys)
            .query(caller.connection())?,
    )?;
    stage.screen.check(
        readable == 0,
        format!(
            "asked for right after the reply, {} of {} are there",
            count(readable),
            count(probes.len())
        ),
    )?;
    wait_until_reclaimed(caller.connection())?;
    Ok((reply, replied.elapsed()))
}

fn wait_until_reclaimed(connection: &mut Connection) -> Result<(), Failure> {
    let reclaimed = wait_for(|| match statistics(connection) {
        Ok(statistics) => (statistics.get("entries-dead") == Some(&0.0)).then_some(Ok(())),
        Err(failure) => Some(Err(failure)),
    });
    reclaimed.unwrap_or_else(|| {
        Err(Failure::Machine(
            "dead entries were not reclaimed in time".into(),
        ))
    })
}

/// The times of reads of one entry that is not invalidated, in ascending order.
fn read_until(
    done: &AtomicBool,
    record: &Record,
    mut connection: Connection,
) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    while !done.load(Ordering::Acquire) {
        let (value, took) = timed(redis::cmd("CACHE.GET").arg(record.key()), &mut connection)?;
        if value == Value::Nil {
            return Err(Failure::Machine(format!(
                "{} was lost, though nothing invalidated it",
                record.key()
            )));
        }
        times.push(took);
    }
    times.sort_unstable();
    Ok(times)
}

/// The records that carry one tag and not another.
fn carriers<'a>(
    stage: &Stage<'a>,
    tag: &'a str,
    without: &'a str,
) -> impl Iterator<Item = &'a Record> {
    let has = |record: &Record, tag: &str| record.tags.iter().any(|own| own == tag);
    stage
        .catalogue
        .records
        .iter()
        .filter(move |record| has(record, tag) && !has(record, without))
}

fn survivor<'a>(stage: &Stage<'a>, tag: &str, other: &str) -> Result<&'a Record, Failure> {
    let mut records = stage.catalogue.records.iter();
    let survivor = records.find(|record| !record.tags.iter().any(|own| own == tag || own == other));
    survivor.ok_or_else(|| Failure::Machine(format!("every package carries {tag}")))
}

fn int(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
