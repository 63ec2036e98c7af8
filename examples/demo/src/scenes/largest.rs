//! The largest tag of all is invalidated, while another client goes on reading.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, Value};

use super::{Stage, command, int, wait_until_reclaimed};
use crate::caller::{Caller, statistics, timed, used_memory};
use crate::catalogue::Record;
use crate::failure::Failure;
use crate::quantity::{bytes, count, duration, percentile};

/// How many invalidated entries are looked for right after the reply.
const PROBES: usize = 1_000;

/// What there was to see.
struct Invalidation {
    /// Of `CACHE.INVALIDATE`.
    reply: Value,
    /// Entries that could still be read right after it.
    readable: usize,
    /// From the reply until all memory was given back.
    reclaiming: Duration,
    /// Bytes given back.
    freed: usize,
}

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("Invalidating the largest tag");
    screen.prose(
        "It costs no more, however many entries there are. Another client reads on meanwhile, as \
         fast as it can.",
    );
    let tag = stage.catalogue.largest_tag();
    let (doomed, spared) = divide(stage, tag, stage.catalogue.hero()?.section());
    let Some(survivor) = spared.first() else {
        return Err(Failure::Machine(format!("every package carries {tag}")));
    };
    let mut caller = stage.caller("")?;
    let (invalidation, reads) =
        while_reading(stage, survivor, || invalidate(&mut caller, tag, &doomed))?;
    report(stage, &invalidation, &reads);

    let counted = format!("all {} entries of {tag} were counted", count(doomed.len()));
    screen.check(invalidation.reply == int(doomed.len()), counted)?;
    let probes = count(doomed.len().min(PROBES));
    let readable = invalidation.readable;
    screen.check(
        readable == 0,
        format!("right after the reply {readable} of {probes} were there"),
    )?;
    let left = statistics(caller.connection())?.get("entries").copied();
    let untouched = format!("the other {} entries are untouched", count(spared.len()));
    screen.check(left == Some(spared.len()), untouched)
}

/// The records that carry the tag, and those that do not; without those of a section that was
/// invalidated before.
fn divide<'a>(stage: &Stage<'a>, tag: &str, earlier: &str) -> (Vec<&'a Record>, Vec<&'a Record>) {
    let records = stage.catalogue.records.iter();
    records
        .filter(|record| !record.has(earlier))
        .partition(|record| record.has(tag))
}

fn invalidate(
    caller: &mut Caller<'_>,
    tag: &str,
    doomed: &[&Record],
) -> Result<Invalidation, Failure> {
    let before = used_memory(caller.connection())?;
    let reply = caller.types(&command(&format!("CACHE.INVALIDATE {tag}")))?;
    let replied = Instant::now();
    let keys: Vec<String> = doomed
        .iter()
        .take(PROBES)
        .map(|record| record.key())
        .collect();
    let readable = redis::cmd("CACHE.EXISTS")
        .arg(keys)
        .query(caller.connection())?;
    wait_until_reclaimed(caller.connection())?;
    let reclaiming = replied.elapsed();
    let freed = before.saturating_sub(used_memory(caller.connection())?);
    Ok(Invalidation {
        reply,
        readable,
        reclaiming,
        freed,
    })
}

/// Does something while another client reads an entry again and again; gives also the times of its
/// reads, in ascending order.
fn while_reading<T>(
    stage: &Stage<'_>,
    record: &Record,
    action: impl FnOnce() -> Result<T, Failure>,
) -> Result<(T, Vec<Duration>), Failure> {
    let connection = stage.server.connect()?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(&done, record, connection));
        let outcome = action();
        done.store(true, Ordering::Release);
        let reads = reader
            .join()
            .unwrap_or_else(|_| Err(Failure::Machine("the reader panicked".into())));
        Ok((outcome?, reads?))
    })
}

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

fn report(stage: &Stage<'_>, invalidation: &Invalidation, reads: &[Duration]) {
    let Invalidation {
        freed, reclaiming, ..
    } = invalidation;
    stage.screen.fact(format!(
        "{} were given back in the background within {}",
        bytes(*freed),
        duration(*reclaiming)
    ));
    stage.screen.fact(format!(
        "{} reads meanwhile: 99 of 100 within {}, the slowest {}",
        count(reads.len()),
        duration(percentile(reads, 99)),
        duration(percentile(reads, 100)),
    ));
}
