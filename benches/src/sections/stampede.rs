//! A stampede: everybody wants a value that is not there.

use crate::bed::Bed;
use crate::chart::Bars;
use crate::figures::{Sample, grouped, time, times};
use crate::options::Options;
use crate::report::Report;
use crate::table::Table;
use crate::waiting::{self, Stampede};
use std::time::Duration;

pub(crate) fn measure(options: &Options, report: &mut Report) {
    report.heading("Stampede");
    report.paragraph(
        "All connections ask for one key that holds nothing. Times are from the moment the first \
         fill is sent until a caller has the value; callers and computation share a processor, the \
         server has its own.",
    );
    let mut bed = Bed::start("");
    let mut table = Table::new([
        "callers, computation",
        "",
        "computations",
        "half have it after",
        "the last after",
        "fill answered after",
    ]);
    let mut bars = Vec::new();
    for callers in options.scale.crowds {
        for computation in options.scale.computations {
            let setting = format!("{callers}, {} ms", computation.as_millis());
            report.step(&format!("stampede, {setting}"));
            for (name, runs) in tournament(&mut bed, options.scale.rounds, callers, computation) {
                table.row(row(&setting, name, &runs));
                if (callers, computation) == shown(options) {
                    bars.push((name.to_owned(), last(&runs).median()));
                }
            }
        }
    }
    report.table(&table);
    report.picture(
        "stampede.svg",
        "When the last caller has the value",
        chart(options, bars),
    );
}

/// Everybody's runs, in alternating order.
fn tournament(
    bed: &mut Bed,
    rounds: usize,
    callers: usize,
    computation: Duration,
) -> Vec<(&'static str, Vec<Stampede>)> {
    let mut runs = waiting::ALL.map(|contender| (contender.name, Vec::new()));
    for round in 0..rounds {
        let mut order = [0, 1, 2, 3];
        if round % 2 == 1 {
            order.reverse();
        }
        for n in order {
            bed.clear();
            let run = (waiting::ALL[n].run)(bed.port(), callers, computation);
            assert_eq!(run.answers_us.len(), callers, "everybody gets an answer");
            runs[n].1.push(run);
        }
    }
    runs.into()
}

/// The setting of the picture: the largest crowd, and a computation that the recipe survives.
fn shown(options: &Options) -> (usize, Duration) {
    (options.scale.crowds[1], options.scale.computations[0])
}

fn row(setting: &str, name: &str, runs: &[Stampede]) -> [String; 6] {
    let half = over(runs, |run| Sample(run.answers_us.clone()).median());
    [
        setting.to_owned(),
        name.to_owned(),
        computations(runs),
        times(&half),
        times(&last(runs)),
        times(&over(runs, |run| run.fill_us)),
    ]
}

fn last(runs: &[Stampede]) -> Sample {
    over(runs, |run| Sample(run.answers_us.clone()).max())
}

fn over(runs: &[Stampede], what: impl Fn(&Stampede) -> f64) -> Sample {
    runs.iter().map(what).collect()
}

/// The fewest and the most, if they differ.
fn computations(runs: &[Stampede]) -> String {
    let counts: Sample = runs.iter().map(|run| run.computations as f64).collect();
    if counts.min() < counts.max() {
        format!("{} to {}", counts.min(), counts.max())
    } else {
        counts.max().to_string()
    }
}

fn chart(options: &Options, rows: Vec<(String, f64)>) -> String {
    let (callers, computation) = shown(options);
    Bars {
        title: format!(
            "When the last of {} callers has a value that takes {} ms to compute, after its fill",
            grouped(callers as f64),
            computation.as_millis()
        ),
        about: "Time until the last of all waiting callers has its answer, by way of waiting.",
        rows,
        label: time,
    }
    .to_string()
}
