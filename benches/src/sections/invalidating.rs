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
    let rivals = with_tags(bed.connection());
    let mut load = Load::connect(&bed);
    let mut results = Results::new(&rivals);
    for entries in sizes(options) {
        report.step(&format!(
            "invalidating, {} entries",
            grouped(entries as f64)
        ));
        // A tag larger than that is for Larder alone: the others would take minutes.
        let alone = entries > options.scale.many;
        let contenders = &rivals[..if alone { 1 } else { rivals.len() }];
        let costs = tournament(
            &mut bed,
            &mut load,
            contenders,
            entries,
            options.scale.rounds,
        );
        for (rival, costs) in contenders.iter().zip(costs) {
            results.add(rival.name(), entries, &costs);
        }
    }
    report.table(&results.table);
    report.paragraph(&results.flatness());
    let svg = chart(results.curves);
    report.picture("invalidation.svg", "Server time by tag size", svg);
    bed.clear();
}

/// Everybody's costs, in alternating order.
fn tournament(
    bed: &mut Bed,
    load: &mut Load,
    rivals: &[Box<dyn Rival>],
    entries: usize,
    rounds: usize,
) -> Vec<Vec<Cost>> {
    let mut costs: Vec<Vec<Cost>> = rivals.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..rivals.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for n in order {
            costs[n].push(once(bed, load, rivals[n].as_ref(), entries));
        }
    }
    costs
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
                "times Larder's",
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

    /// How flat Larder's curve is where the inline part is the same for all.
    fn flatness(&self) -> String {
        let points = self.curves[0].points.iter();
        let costs: Sample = points
            .filter(|(entries, _)| *entries > INLINE)
            .map(|(_, us)| *us)
            .collect();
        format!(
            "Above {INLINE} entries, which `cache.reclaim-inline` removes before the reply, Larder's \
             most expensive size takes {} times as long as its cheapest.\n",
            number(costs.max() / costs.min())
        )
    }
}

/// By the default of `cache.reclaim-inline`, so many entries are removed before the reply.
const INLINE: f64 = 128.0;

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
    assert!(rival.serves(&last, bed.connection()), "{}", rival.name());
    bed.control().check("CONFIG RESETSTAT", "OK");
    rival.invalidate(TAG, bed.connection());
    let calls = bed.calls(rival.invalidation_commands());
    assert!(!rival.serves(&last, bed.connection()), "{}", rival.name());
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
