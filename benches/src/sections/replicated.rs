//! Storing while everything is also written to a file and sent to a replica.

use super::storing::{contender, once, untagged};
use crate::bed::Bed;
use crate::contest::{compare, contest};
use crate::interruption;
use crate::item;
use crate::load::Load;
use crate::options::Options;
use crate::report::Report;
use crate::rivals::{Native, with_tags};

const PERSISTENT: &str = "appendonly yes\nappendfsync everysec\n";

pub(crate) fn measure(options: &Options, report: &mut Report) {
    report.heading("Storing with a replica and an append-only file");
    report.paragraph(
        "As above, keys that exist already; `appendonly yes`, `appendfsync everysec` and one replica \
         on the same machine, which catches up before each turn. Ratios are to the first line.",
    );
    let value = item::value(100);
    let mut bed = Bed::start(PERSISTENT);
    let replica = bed.server().replica(PERSISTENT);
    interruption::takes_along(replica.dir());
    let rivals = with_tags(bed.connection());
    let mut contenders = vec![
        contender(&Native, "SET EX, no tags", &options.scale, &value),
        untagged(&options.scale, &value),
    ];
    for rival in &rivals {
        contenders.push(contender(
            rival.as_ref(),
            rival.name(),
            &options.scale,
            &value,
        ));
    }
    let mut load = Load::connect(&bed);
    let outcomes = contest(options.scale.rounds, &contenders, |contender| {
        bed.clear();
        load.run(&contender.requests);
        bed.server().wait_for(&replica);
        once(&mut bed, &mut load, contender)
    });
    report.table(&compare(&outcomes));
    bed.clear();
    bed.server().wait_for(&replica);
}
