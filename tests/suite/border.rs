//! The border to the server: what its source must keep to, since no compiler checks it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of the server's functions that follow `mark`.
fn functions_after(mark: &str, text: &str) -> BTreeSet<String> {
    let ends = |c: char| !(c.is_alphanumeric() || c == '_');
    let named = text.split(mark).skip(1).map(str::trim_start);
    let names = named.filter_map(|rest| rest.split(ends).next());
    names
        .filter(|name| name.starts_with("RedisModule_"))
        .map(String::from)
        .collect()
}

/// A function that is called without having been looked for may be missing on an old server.
#[test]
fn every_function_of_the_server_is_looked_for_when_the_module_loads() {
    let raw = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/raw");
    let mut called = BTreeSet::new();
    for file in fs::read_dir(&raw).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        called.append(&mut functions_after("call!(", &text));
    }
    let api = fs::read_to_string(raw.join("api.rs")).unwrap();
    let (_, list) = api.split_once("required! {").unwrap();
    let required = functions_after(" ", list);
    let unchecked: Vec<_> = called.difference(&required).collect();
    assert_eq!(unchecked, Vec::<&String>::new());
    assert!(called.len() > 50, "{called:?}");
}
