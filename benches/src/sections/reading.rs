//! Reading: `CACHE.GET`, `CACHE.MGET` and `CACHE.GETORLOCK` against `GET` and `MGET`.

use crate::bed::Bed;
use crate::contest::{Contender, compare, contest, steady};
use crate::item::{self, Item};
use crate::load::Load;
use crate::options::{Options, Scale};
use crate::report::Report;
use crate::requests::Requests;
use crate::rivals::{Larder, Native, Rival, Stamps, fill, requests};
use larder_test_support::Random;
use std::time::Instant;

const SMALL: usize = 100;
const SIZES: [(usize, &str); 3] = [(SMALL, "100 B"), (4 << 10, "4 KiB"), (64 << 10, "64 KiB")];
/// Values of a database together; large ones are fewer.
const VOLUME: usize = 64 << 20;
/// Reads that are encoded beforehand, and then repeated.
const READS: usize = 50_000;
/// Keys in one `MGET`.
const MANY: usize = 100;

/// Untagged entries stand beside the tagged ones.
const UNTAGGED: usize = 1_000_000_000;
/// And native strings beside both.
const STRINGS: usize = 2_000_000_000;

pub(crate) fn measure(options: &Options, report: &mut Report) {
    report.heading("Reading");
    report.paragraph(
        "Random keys of a database that holds them all; each entry carries 3 of 3,000 tags unless \
         said otherwise. Ratios are to the first line: above 1 is faster.",
    );
    for (bytes, size) in SIZES {
        report.step(&format!("reading, {size}"));
        let value = item::value(bytes);
        let keys = options.scale.read.min(VOLUME / bytes);
        let mut bed = Bed::start("");
        let mut load = Load::connect(&bed);
        populate(&mut load, keys, &value);
        report.paragraph(&format!("**Values of {size}, {keys} keys:**\n"));
        by_key(&mut bed, &mut load, &options.scale, keys, &value, report);
        if bytes == SMALL {
            by_hundreds(&mut bed, &mut load, &options.scale, keys, report);
            disturbed(&mut bed, &mut load, &options.scale, keys, report);
        }
        bed.clear();
    }
}

fn populate(load: &mut Load, keys: usize, value: &[u8]) {
    fill(load, &Larder, 0..keys, |n| Item::tagged(n, value));
    fill(load, &Larder, 0..keys, |n| {
        Item::untagged(UNTAGGED + n, value)
    });
    fill(load, &Native, 0..keys, |n| {
        Item::untagged(STRINGS + n, value)
    });
}

/// Reads of random keys among `keys`, counted from `first`.
fn reads(keys: usize, first: usize, add: impl Fn(&Item<'_>, &mut Requests)) -> Requests {
    let mut random = Random::new(7);
    let numbers = (0..READS).map(|_| first + random.below(keys));
    requests(numbers.map(|n| Item::tagged(n, b"")), |item, out| {
        add(item, out);
    })
}

fn native(keys: usize) -> Requests {
    reads(keys, STRINGS, |item, out| Native.read(item, out))
}

fn tagged(keys: usize) -> Requests {
    reads(keys, 0, |item, out| Larder.read(item, out))
}

fn by_key(
    bed: &mut Bed,
    load: &mut Load,
    scale: &Scale,
    keys: usize,
    value: &[u8],
    report: &mut Report,
) {
    let get_or_lock = |item: &Item<'_>, out: &mut Requests| {
        out.command(&[b"CACHE.GETORLOCK", item.key.as_bytes()]);
    };
    let contenders = [
        ("GET", native(keys)),
        ("CACHE.GET", tagged(keys)),
        (
            "CACHE.GET, untagged",
            reads(keys, UNTAGGED, |item, out| Larder.read(item, out)),
        ),
        ("CACHE.GETORLOCK, fresh", reads(keys, 0, get_or_lock)),
        (
            "version stamps: MGET of value and 3 stamps",
            reads(keys, STRINGS, |item, out| Stamps.read(item, out)),
        ),
    ]
    .map(|(name, requests)| Contender::new(name, requests).bringing(value.len()));
    let outcomes = contest(scale.rounds, &contenders, |contender| {
        steady(bed, load, scale.slice, contender)
    });
    report.table(&compare(&outcomes));
}

fn by_hundreds(bed: &mut Bed, load: &mut Load, scale: &Scale, keys: usize, report: &mut Report) {
    let many = |command: &[u8], first: usize| {
        let mut random = Random::new(7);
        let mut out = Requests::default();
        for _ in 0..1_000 {
            let items = (0..MANY).map(|_| Item::untagged(first + random.below(keys), b""));
            let names: Vec<String> = items.map(|item| item.key).collect();
            let mut words = vec![command];
            words.extend(names.iter().map(String::as_bytes));
            out.command(&words);
            out.end();
        }
        out
    };
    let contenders = [
        Contender::new("MGET of 100", many(b"MGET", STRINGS)).bringing(MANY * SMALL),
        Contender::new("CACHE.MGET of 100", many(b"CACHE.MGET", 0)).bringing(MANY * SMALL),
    ];
    let outcomes = contest(scale.rounds, &contenders, |contender| {
        steady(bed, load, scale.slice, contender)
    });
    report.table(&compare(&outcomes));
}

/// The same reads while another client invalidates.
fn disturbed(bed: &mut Bed, load: &mut Load, scale: &Scale, keys: usize, report: &mut Report) {
    let invalidations = |bed: &mut Bed| -> f64 {
        let calls = bed.calls(&["cache.invalidate"]);
        calls.iter().map(|calls| calls.count).sum()
    };
    let contenders = [
        Contender::new("GET, nobody invalidates", native(keys)),
        Contender::new("GET", native(keys)).while_others_invalidate(),
        Contender::new("CACHE.GET", tagged(keys)).while_others_invalidate(),
    ]
    .map(|contender| contender.bringing(SMALL));
    let (before, start) = (invalidations(bed), Instant::now());
    let outcomes = contest(scale.rounds, &contenders, |contender| {
        steady(bed, load, scale.slice, contender)
    });
    // Two of three turns are disturbed.
    let disturbed = start.elapsed().as_secs_f64() * 2.0 / 3.0;
    let pace = (invalidations(bed) - before) / disturbed;
    report.paragraph(&format!(
        "**While another client invalidates a tag of one entry every millisecond ({pace:.0} times \
         a second were reached):**\n"
    ));
    report.table(&compare(&outcomes));
}
