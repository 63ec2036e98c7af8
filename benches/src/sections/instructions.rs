//! Instructions per command: what does not depend on the machine or on what else it does.

use crate::callgrind::Callgrind;
use crate::figures::grouped;
use crate::item;
use crate::options::Options;
use crate::report::Report;
use crate::table::Table;
use larder_test_support::Client;

const CALLS: usize = 3_000;
/// Keys in one `MGET`.
const MANY: usize = 100;

pub(crate) fn measure(_: &Options, report: &mut Report) {
    report.heading("Instructions");
    if !Callgrind::is_installed() {
        report.paragraph("Skipped: valgrind is not installed.");
        return;
    }
    report.paragraph(
        "Per command, in the server's `processCommand` and all it calls, counted by callgrind; keys of \
         17 bytes, values of 100. Each line is compared with the native command above it.",
    );
    let mut callgrind = Callgrind::start();
    let mut c = callgrind.client();
    let mut table = Table::new(["", "instructions", "ratio"]);
    for group in groups() {
        let mut native = None;
        for (name, line) in group {
            prepare(&mut c, &line);
            let count = callgrind.count(|| repeat(&mut c, &line)) / CALLS as f64;
            let ratio = count / *native.get_or_insert(count);
            table.row([name.to_owned(), grouped(count), format!("{ratio:.2}")]);
        }
    }
    report.table(&table);
}

/// Commands that do the same, the native one first.
fn groups() -> [Vec<(&'static str, String)>; 3] {
    let value = String::from_utf8_lossy(&item::value(100)).into_owned();
    let keys = |kind: &str| {
        let keys: Vec<String> = (0..MANY).map(|n| format!("{kind}:{n:012}")).collect();
        keys.join(" ")
    };
    let tags = "TAGS 3 brand:001 shelf:001 store:001";
    [
        vec![
            ("SET EX", format!("SET text:000000000000 {value} EX 3600")),
            (
                "CACHE.SET EX, no tags",
                format!("CACHE.SET bare:000000000000 {value} EX 3600"),
            ),
            (
                "CACHE.SET EX, 3 tags",
                format!("CACHE.SET page:000000000000 {value} EX 3600 {tags}"),
            ),
        ],
        vec![
            ("GET", "GET text:000000000000".into()),
            ("CACHE.GET, no tags", "CACHE.GET bare:000000000000".into()),
            ("CACHE.GET, 3 tags", "CACHE.GET page:000000000000".into()),
            (
                "CACHE.GETORLOCK, fresh",
                "CACHE.GETORLOCK page:000000000000".into(),
            ),
        ],
        vec![
            ("MGET of 100", format!("MGET {}", keys("text"))),
            ("CACHE.MGET of 100", format!("CACHE.MGET {}", keys("page"))),
        ],
    ]
}

/// Has the command run a few times, so that what happens only once has happened.
fn prepare(c: &mut Client, line: &str) {
    if line.contains("MGET") {
        for (_, set) in &groups()[0] {
            let others = (1..MANY).map(|n| set.replacen(&"0".repeat(12), &format!("{n:012}"), 1));
            c.pipeline(others);
        }
    }
    c.pipeline((0..100).map(|_| line.to_owned()));
}

fn repeat(c: &mut Client, line: &str) {
    let replies = c.pipeline((0..CALLS).map(|_| line.to_owned()));
    assert!(
        !matches!(replies[0], redis::Value::Nil | redis::Value::ServerError(_)),
        "{line}: {:?}",
        replies[0]
    );
}
