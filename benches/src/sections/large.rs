//! A very large database.

use super::pauses;
use crate::bed::Bed;
use crate::contest::{Contender, compare, contest, steady};
use crate::figures::{grouped, number};
use crate::item::{self, Item};
use crate::load::Load;
use crate::options::Options;
use crate::report::Report;
use crate::rivals::{Larder, Native, Rival, fill, requests};
use larder_test_support::Random;
use std::time::Instant;

pub(crate) fn measure(options: &Options, report: &mut Report) {
    let entries = options.scale.huge;
    report.heading(&format!("{} entries with 3 tags", grouped(entries as f64)));
    report.paragraph("Reads of random keys, among as many native strings and as many entries in the same server, and among the first 10,000 of each:\n");
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
    let few = entries.min(10_000);
    let contender = |name: &str, rival: &dyn Rival, first, among| {
        let requests = random_reads(rival, first, among);
        Contender::new(name, requests).bringing(value.len())
    };
    let contenders = [
        contender("GET, among all", &Native, entries, entries),
        contender("CACHE.GET, among all", &Larder, 0, entries),
        contender("GET, among few", &Native, entries, few),
        contender("CACHE.GET, among few", &Larder, 0, few),
    ];
    let outcomes = contest(options.scale.rounds, &contenders, |contender| {
        steady(bed, &mut load, options.scale.slice, contender)
    });
    report.table(&compare(&outcomes));
    report.paragraph(&format!(
        "They were stored at {} entries per second, the load's own work included.\n",
        number(rate)
    ));
}

fn random_reads(rival: &dyn Rival, first: usize, among: usize) -> crate::requests::Requests {
    let mut random = Random::new(11);
    let numbers = (0..200_000).map(|_| first + random.below(among));
    requests(numbers.map(|n| Item::untagged(n, b"")), |item, out| {
        rival.read(item, out);
    })
}
