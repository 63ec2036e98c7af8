//! What other clients notice while a large tag is invalidated and its memory given back.

use crate::bed::Bed;
use crate::figures::{Sample, grouped, time, times};
use crate::item::{self, Item};
use crate::load::Load;
use crate::options::{Options, Scale};
use crate::pinger::while_pinging;
use crate::report::Report;
use crate::rivals::{Larder, Rival, fill, requests};
use crate::table::Table;
use larder_test_support::{Client, Running};
use std::thread;
use std::time::{Duration, Instant};

/// The tag that every large entry carries, beside two of its own.
const TAG: &str = "catalogue";
/// Entries that stay, for the others to read.
const KEPT: usize = 10_000;
/// Where their numbers begin.
const KEPT_FROM: usize = 1_000_000_000;
/// What the buffers of those who read meanwhile may take.
const CONNECTIONS_BYTES: f64 = 8e6;
/// How long giving memory back may take before the benchmark is broken.
const PATIENCE: Duration = Duration::from_secs(300);

/// What others noticed of an invalidation: before it, and until all memory is back.
#[derive(Default)]
struct Noticed {
    pings_before: Vec<Sample>,
    pings: Vec<Sample>,
    rate_before: Sample,
    rate: Sample,
    freed_us: Sample,
}

pub(crate) fn measure(options: &Options, report: &mut Report) {
    report.heading("Pauses");
    let entries = options.scale.many;
    let mut noticed = Noticed::default();
    let mut bed = Bed::start("");
    for round in 0..options.scale.rounds {
        report.step(&format!("pauses, round {}", round + 1));
        noticed.pings(&mut bed, &options.scale, entries);
        noticed.reads(&mut bed, &options.scale, entries);
        bed.clear();
    }
    describe(&noticed, entries, report);
}

/// The same for a database of another size, once.
pub(super) fn measure_once(bed: &mut Bed, scale: &Scale, entries: usize, report: &mut Report) {
    let mut noticed = Noticed::default();
    noticed.pings(bed, scale, entries);
    noticed.reads(bed, scale, entries);
    bed.clear();
    describe(&noticed, entries, report);
}

fn describe(noticed: &Noticed, entries: usize, report: &mut Report) {
    report.paragraph(&format!(
        "A tag of {} entries (3 tags each) is invalidated. A client pings every millisecond until \
         all memory is back; then the same with clients that read other entries as fast as they can.",
        grouped(entries as f64)
    ));
    let mut table = Table::new(["", "before", "meanwhile", ""]);
    table.row(noticed.answers("longest answer to a ping", 1_000));
    table.row(noticed.answers("99.9 % of pings", 999));
    table.row([
        "reads per second".into(),
        grouped(noticed.rate_before.median()),
        grouped(noticed.rate.median()),
        format!("{} x", noticed.rate.ratio_to(&noticed.rate_before)),
    ]);
    table.row([
        "until all memory is back".into(),
        "-".into(),
        times(&noticed.freed_us),
        "-".into(),
    ]);
    report.table(&table);
}

impl Noticed {
    /// How long answers to pings took, up to so many of a thousand.
    fn answers(&self, name: &str, per_mille: usize) -> [String; 4] {
        let of = |pings: &[Sample]| -> Sample {
            let times = pings.iter().map(|sample| sample.quantile(per_mille));
            times.collect()
        };
        let (before, meanwhile) = (of(&self.pings_before), of(&self.pings));
        let pairs = before.0.iter().zip(&meanwhile.0);
        let more: Sample = pairs.map(|(before, after)| after - before).collect();
        let more = format!("{} more", time(more.median().max(0.0)));
        [name.to_owned(), times(&before), times(&meanwhile), more]
    }

    /// One invalidation with nothing else to do but a ping every millisecond.
    fn pings(&mut self, bed: &mut Bed, scale: &Scale, entries: usize) {
        let port = bed.port();
        let empty = populate(bed, entries);
        // As long as giving the memory back takes, for a stall of the machine's own to be as likely.
        let idle = while_pinging(port, || thread::sleep(scale.slice * 7)).0;
        let (during, freed) = while_pinging(port, || invalidate(bed, empty));
        self.pings_before.push(idle);
        self.pings.push(during);
        self.freed_us.0.push(freed.as_secs_f64() * 1e6);
    }

    /// One invalidation while others read as fast as they can.
    fn reads(&mut self, bed: &mut Bed, scale: &Scale, entries: usize) {
        let empty = populate(bed, entries);
        let mut load = Load::connect(bed);
        let items = (0..KEPT).map(|n| Item::tagged(KEPT_FROM + n, b""));
        let reads = requests(items, |item, out| Larder.read(item, out));
        let idle = load.run_for(&reads, scale.slice);
        let running = Running::default();
        let during = thread::scope(|scope| {
            let reader = scope.spawn(|| load.run_while(&reads, || running.goes_on()));
            running.during(|| invalidate(bed, empty));
            reader.join().expect("the server answers")
        });
        self.rate_before.0.push(idle.rate());
        self.rate.0.push(during.rate());
    }
}

/// Fills the server, and gives the memory it needs without the entries that are to go.
fn populate(bed: &mut Bed, entries: usize) -> f64 {
    let value = item::value(100);
    bed.clear();
    let mut load = Load::connect(bed);
    fill(&mut load, &Larder, KEPT_FROM..KEPT_FROM + KEPT, |n| {
        Item::tagged(n, &value)
    });
    let empty = bed.memory();
    fill(&mut load, &Larder, 0..entries, |n| {
        let mut item = Item::tagged(n, &value);
        item.tags[0] = TAG.into();
        item
    });
    empty
}

/// Invalidates the tag and waits until all memory is back. Returns how long that took.
fn invalidate(bed: &mut Bed, empty: f64) -> Duration {
    let full = bed.memory();
    let start = Instant::now();
    let count = bed.control().int(format!("CACHE.INVALIDATE {TAG}"));
    assert!(count > 0, "there were entries to invalidate");
    while !is_back(bed.control()) {
        assert!(start.elapsed() < PATIENCE, "the memory does not come back");
        thread::sleep(Duration::from_millis(10));
    }
    let took = start.elapsed();
    // The server's own table of keys shrinks later, a little at a time.
    let left = bed.memory() - empty;
    let allowed = ((full - empty) * 0.25).max(CONNECTIONS_BYTES);
    assert!(left < allowed, "{left} bytes stay behind");
    took
}

fn is_back(c: &mut Client) -> bool {
    let stats = c.stats();
    stats.int("entries-dead") == 0 && usize::try_from(stats.int("entries")) == Ok(KEPT)
}
