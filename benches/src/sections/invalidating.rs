//! Invalidating a tag, by how many entries carry it.

use crate::bed::Bed;
use crate::chart::{Curve, LogChart};
use crate::figures::{Sample, grouped, number, time, times};
use crate::item::{self, Item};
use crate::load::Load;
use crate::options::Options;
use crate::report::Report;
use crate::rivals::{Larder, Rival, fill, with_tags};
use crate::table::Table;

const TAG: &str = "catalogue";

pub(crate) fn measure(options: &Options, report: &mut Report) {
    report.heading("Invalidating");
    report.paragraph(
        "Server time of all commands of one invalidation (`INFO commandstats`), by the entries that \
         carry the tag. The longest command is how long nobody else was served.",
    );
    let mut bed = Bed::start("");
    let rivals = with_tags(bed.control());
    let mut load = Load::connect(&bed);
    let mut results = Results::new(&rivals);
    for entries in sizes(options) {
        report.step(&format!(
            "invalidating, {} entries",
            grouped(entries as f64)
        ));
        // A tag larger than that is for Larder alone: the others would take minutes.
        let contenders = if entries > options.scale.many {
            1
        } else {
            rivals.len()
        };
        for rival in &rivals[..contenders] {
            let rounds = 0..options.scale.rounds;
            let costs = rounds.map(|_| once(&mut bed, &mut load, rival.as_ref(), entries));
            results.add(rival.name(), entries, &costs.collect::<Vec<_>>());
        }
    }
    report.table(&results.table);
    report.picture(
        "invalidation.svg",
        "Server time by tag size",
        chart(results.curves),
    );
    bed.clear();
}

/// What is known so far; of each size Larder's cost comes first.
struct Results {
    table: Table,
    curves: Vec<Curve>,
    larder_us: f64,
}

impl Results {
    fn new(rivals: &[Box<dyn Rival>]) -> Self {
        Self {
            table: Table::new([
                "entries",
                "",
                "commands",
                "server time",
                "longest command",
                "Larder's time, times",
            ]),
            curves: rivals
                .iter()
                .map(|rival| Curve::new(rival.name()))
                .collect(),
            larder_us: 0.0,
        }
    }

    fn add(&mut self, name: &str, entries: usize, costs: &[Cost]) {
        let total: Sample = costs.iter().map(|cost| cost.total_us).collect();
        let longest: Sample = costs.iter().map(|cost| cost.longest_us).collect();
        if name == Larder.name() {
            self.larder_us = total.median();
        }
        self.table.row([
            grouped(entries as f64),
            name.to_owned(),
            grouped(costs[0].commands),
            times(&total),
            time(longest.median()),
            number(total.median() / self.larder_us),
        ]);
        if let Some(curve) = self.curves.iter_mut().find(|curve| curve.is_of(name)) {
            curve.add(entries as f64, total.median());
        }
    }
}

fn sizes(options: &Options) -> Vec<usize> {
    let many = options.scale.many;
    let mut sizes = vec![10, 1_000, many / 10, many];
    if options.large {
        sizes.push(many * 5);
    }
    sizes.sort_unstable();
    sizes
}

/// What the server spent on one invalidation.
struct Cost {
    commands: f64,
    total_us: f64,
    longest_us: f64,
}

fn once(bed: &mut Bed, load: &mut Load, rival: &dyn Rival, entries: usize) -> Cost {
    let value = item::value(100);
    let item = |n| Item::under(&[TAG], n, &value);
    bed.clear();
    fill(load, rival, 0..entries, item);
    let last = item(entries - 1);
    assert!(rival.serves(&last, bed.control()), "{}", rival.name());
    bed.control().check("CONFIG RESETSTAT", "OK");
    rival.invalidate(TAG, bed.control());
    let calls = bed.calls(rival.invalidation_commands());
    assert!(!rival.serves(&last, bed.control()), "{}", rival.name());
    let each = calls.iter().map(|calls| calls.us / calls.count);
    Cost {
        commands: calls.iter().map(|calls| calls.count).sum(),
        total_us: calls.iter().map(|calls| calls.us).sum(),
        longest_us: each.fold(0.0, f64::max),
    }
}

fn chart(curves: Vec<Curve>) -> String {
    LogChart {
        title: "What invalidating a tag costs the server",
        about: "Server time by the number of entries that carry the tag. Larder and version stamps \
                stay flat, the others grow with the tag.",
        across: "entries under the tag",
        up: "server time",
        curves,
    }
    .to_string()
}
