//! Memory per entry.

use crate::bed::Bed;
use crate::chart::Bars;
use crate::figures::grouped;
use crate::item::{self, Item};
use crate::load::Load;
use crate::options::Options;
use crate::report::Report;
use crate::rivals::{Larder, Native, Rival, fill, with_tags};
use crate::table::Table;

pub(crate) fn measure(options: &Options, report: &mut Report) {
    let entries = options.scale.many;
    report.heading("Memory");
    report.paragraph(&format!(
        "{} entries with values of 100 bytes, keys of 17 and a TTL; `used_memory`, what it was before \
         taken off. The tags are 3 of 3,000.",
        grouped(entries as f64)
    ));
    let value = item::value(100);
    let tagged = |n| Item::tagged(n, &value);
    let untagged = |n| Item::untagged(n, &value);
    let mut bed = Bed::start("");
    let rivals = with_tags(bed.connection());
    let native = per_entry(&mut bed, &Native, entries, untagged);
    let mut found = vec![(
        "Larder, no tags".to_owned(),
        per_entry(&mut bed, &Larder, entries, untagged),
    )];
    for rival in &rivals {
        report.step(&format!("memory, {}", rival.name()));
        let bytes = per_entry(&mut bed, rival.as_ref(), entries, tagged);
        found.push((format!("{}, 3 tags", rival.name()), bytes));
    }
    let mut table = Table::new(["", "bytes per entry", "above native"]);
    table.row(["native, SET EX".into(), format!("{native:.0}"), "-".into()]);
    for (name, bytes) in &found {
        table.row([
            name.clone(),
            format!("{bytes:.0}"),
            format!("{:.0}", bytes - native),
        ]);
    }
    report.table(&table);
    let bars = found
        .into_iter()
        .map(|(name, bytes)| (name, bytes - native));
    report.picture(
        "memory.svg",
        "Memory per entry above native",
        chart(bars.collect()),
    );
}

fn per_entry<'a>(
    bed: &mut Bed,
    rival: &dyn Rival,
    entries: usize,
    item: impl Fn(usize) -> Item<'a>,
) -> f64 {
    bed.clear();
    let mut load = Load::connect(bed);
    let before = bed.memory();
    fill(&mut load, rival, 0..entries, item);
    let bytes = bed.memory() - before;
    bed.clear();
    bytes / entries as f64
}

fn chart(rows: Vec<(String, f64)>) -> String {
    Bars {
        title: "Memory per entry, above a native string with a TTL".into(),
        about: "Bytes per entry of 100 bytes, above what SET EX takes for the same.",
        rows,
        label: |bytes| format!("{bytes:.0} bytes"),
    }
    .to_string()
}
