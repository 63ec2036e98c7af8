//! Storing: `CACHE.SET` with three tags against `SET EX` and against all who keep tags.

use crate::bed::{Bed, Turn};
use crate::contest::{Contender, Outcome, compare, contest};
use crate::item::{self, Item};
use crate::load::Load;
use crate::options::{Options, Scale};
use crate::report::Report;
use crate::rivals::{Larder, Native, Rival, requests, with_tags};
use crate::table::Table;

pub(crate) fn measure(options: &Options, report: &mut Report) {
    report.heading("Storing");
    report.paragraph(
        "Values of 100 bytes under an hour's TTL. An operation is everything an algorithm sends to \
         store one value with its 3 tags of 3,000. Ratios are to the first line.",
    );
    let value = item::value(100);
    let mut bed = Bed::start("");
    let rivals = with_tags(bed.connection());
    let mut contenders = vec![
        contender(&Native, "SET EX, no tags", &options.scale, &value),
        untagged(&options.scale, &value),
    ];
    contenders.extend(
        rivals
            .iter()
            .map(|rival| contender(rival.as_ref(), rival.name(), &options.scale, &value)),
    );
    for mode in [Mode::New, Mode::Overwritten] {
        report.step(&format!("storing, {}", mode.title()));
        report.paragraph(&format!("**{}:**\n", mode.title()));
        let outcomes = race(&mut bed, &options.scale, &contenders, mode);
        report.table(&compare(&outcomes));
        report.table(&distance(&rivals, &outcomes[2..]));
    }
    bed.clear();
}

/// Whether the keys exist already.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    New,
    Overwritten,
}

impl Mode {
    fn title(self) -> &'static str {
        match self {
            Self::New => "Keys that do not exist yet",
            Self::Overwritten => "Keys that exist, each stored again",
        }
    }
}

pub(super) fn contender(rival: &dyn Rival, name: &str, scale: &Scale, value: &[u8]) -> Contender {
    let items = (0..scale.stored).map(|n| Item::tagged(n, value));
    let requests = requests(items, |item, out| rival.store(item, out));
    Contender::new(name, requests)
}

pub(super) fn untagged(scale: &Scale, value: &[u8]) -> Contender {
    let items = (0..scale.stored).map(|n| Item::untagged(n, value));
    let requests = requests(items, |item, out| Larder.store(item, out));
    Contender::new("Larder, no tags", requests)
}

fn race(bed: &mut Bed, scale: &Scale, contenders: &[Contender], mode: Mode) -> Vec<Outcome> {
    let mut load = Load::connect(bed);
    contest(scale.rounds, contenders, |contender| {
        bed.clear();
        if mode == Mode::Overwritten {
            load.run(&contender.requests);
        }
        once(bed, &mut load, contender)
    })
}

/// A turn in which each item is stored once.
pub(super) fn once(bed: &mut Bed, load: &mut Load, contender: &Contender) -> Turn {
    bed.time(load, |load| load.run(&contender.requests))
}

/// How many times as many values Larder stores in the same time.
fn distance(rivals: &[Box<dyn Rival>], outcomes: &[Outcome]) -> Table {
    let larder = &outcomes[0];
    let mut table = Table::new(["Larder against", "throughput", "server time"]);
    for (rival, outcome) in rivals.iter().zip(outcomes).skip(1) {
        table.row([
            rival.name().to_owned(),
            format!("{} x", larder.rate.ratio_to(&outcome.rate)),
            format!("{} x", outcome.cpu_us.ratio_to(&larder.cpu_us)),
        ]);
    }
    table
}
