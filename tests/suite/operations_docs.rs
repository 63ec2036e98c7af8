//! The page about operations: its sessions, and how statistics get to Prometheus.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::{Client, Server};
use crate::docs::check_marked;

const PAGE: &str = "docs/operations.md";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the file is there")
}

/// What the exporter's script replies, as pairs of a name and a number.
fn exported(client: &mut Client) -> Vec<(String, f64)> {
    let script = read("docs/grafana/larder.lua");
    let words: Vec<String> = client
        .array([b"EVAL".as_slice(), script.as_bytes(), b"0"])
        .iter()
        // The exporter refuses whatever is no bulk string, integers too.
        .map(|word| match word {
            redis::Value::BulkString(text) => String::from_utf8_lossy(text).into_owned(),
            other => panic!("not a bulk string: {other:?}"),
        })
        .collect();
    words
        .chunks(2)
        .map(|pair| (pair[0].clone(), pair[1].parse().expect("a number")))
        .collect()
}

/// The names that queries ask for: what follows `key=`, in quotes that are escaped or not.
fn asked_for(text: &str) -> BTreeSet<String> {
    let plain = text.replace('\\', "");
    let keys = plain
        .split("key=\"")
        .skip(1)
        .chain(plain.split("key=~\"").skip(1));
    keys.filter_map(|rest| rest.split('"').next())
        .flat_map(|names| {
            names
                .trim_end_matches(":.+")
                .trim_matches(['(', ')'])
                .split('|')
        })
        .map(Into::into)
        .collect()
}

#[test]
fn the_page_about_operations_shows_what_happens() {
    check_marked(PAGE, "redis-cli");
}

#[test]
fn the_exporters_script_gives_names_and_numbers_to_the_user_of_the_page() {
    let server = Server::start();
    let mut c = server.client();
    c.check("CACHE.SET product:7 v", "OK");
    c.check("CACHE.GET product:7", "v");
    c.check("CACHE.GET user:1", "nil");
    let page = read(PAGE);
    let user = page
        .lines()
        .find_map(|line| line.strip_prefix("redis> ACL SETUSER exporter"))
        .expect("the page makes a user");
    c.run(format!("ACL SETUSER exporter{user}"));
    c.run("AUTH exporter secret");
    let exported = exported(&mut c);
    for expected in [
        ("hits", 1.0),
        ("misses", 1.0),
        ("hits:product", 1.0),
        ("misses:user", 1.0),
    ] {
        let found = exported.iter().find(|(name, _)| name == expected.0);
        assert_eq!(
            found.map(|(_, number)| *number),
            Some(expected.1),
            "{expected:?}"
        );
    }
}

#[test]
fn dashboard_and_alerts_ask_for_what_is_exported() {
    let server = Server::start();
    let names: BTreeSet<String> = exported(&mut server.client())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for path in ["docs/grafana/larder.json", "docs/grafana/alerts.yml"] {
        let asked = asked_for(&read(path));
        assert!(asked.len() > 8, "{path} asks for {asked:?}");
        let unknown: Vec<_> = asked.difference(&names).collect();
        assert!(unknown.is_empty(), "{path} asks for {unknown:?}");
    }
}
