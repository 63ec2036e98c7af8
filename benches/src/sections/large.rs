//! A very large database.

use super::pauses;
use crate::bed::Bed;
use crate::contest::{Contender, compare, contest, steady};
use crate::figures::grouped;
use crate::item::{self, Item};
use crate::load::Load;
use crate::options::Options;
use crate::report::Report;
use crate::requests::Requests;
use crate::rivals::{Larder, Native, Rival, fill, requests};
use larder_test_support::Random;
use std::time::Instant;

pub(crate) fn measure(options: &Options, report: &mut Report) {
    let entries = options.scale.huge;
    report.heading(&format!("{} entries with 3 tags", grouped(entries as f64)));
    report.paragraph(
        "Reads of random keys, in a server that holds as many native strings as entries: among all of \
         a kind, and among its first 10,000. Ratios are to the first line:\n",
    );
    let mut bed = Bed::start("");
    reading(&mut bed, options, entries, report);
    report.step("large, invalidating");
    pauses::measure_once(&mut bed, &options.scale, entries, report);
}

fn reading(bed: &mut Bed, options: &Options, entries: usize, report: &mut Report) {
    let value = item::value(100);
    let mut load = Load::connect(bed);
    report.step("large, loading");
    let start = Instant::now();
    fill(&mut load, &Larder, 0..entries, |n| Item::tagged(n, &value));
    let rate = entries as f64 / start.elapsed().as_secs_f64();
    fill(&mut load, &Native, entries..2 * entries, |n| {
        Item::untagged(n, &value)
    });
    report.step("large, reading");
    let contenders = contenders(entries).map(|contender| contender.bringing(value.len()));
    let outcomes = contest(options.scale.rounds, &contenders, |contender| {
        steady(bed, &mut load, options.scale.slice, contender)
    });
    report.table(&compare(&outcomes));
    report.paragraph(&format!(
        "They were stored at {} entries per second, the load's own work included.\n",
        grouped(rate)
    ));
}

fn contenders(entries: usize) -> [Contender; 4] {
    let few = entries.min(10_000);
    [
        ("GET, among all", random_reads(&Native, entries, entries)),
        ("CACHE.GET, among all", random_reads(&Larder, 0, entries)),
        ("GET, among few", random_reads(&Native, entries, few)),
        ("CACHE.GET, among few", random_reads(&Larder, 0, few)),
    ]
    .map(|(name, requests)| Contender::new(name, requests))
}

fn random_reads(rival: &dyn Rival, first: usize, among: usize) -> Requests {
    let mut random = Random::new(11);
    let numbers = (0..200_000).map(|_| first + random.below(among));
    requests(numbers.map(|n| Item::untagged(n, b"")), |item, out| {
        rival.read(item, out);
    })
}
