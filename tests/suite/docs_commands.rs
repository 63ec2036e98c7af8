//! What the server says about the commands: `COMMAND DOCS`, `INFO`, `GETKEYS`.

use redis::Value;

use crate::common::{Client, Fields, Server, show};

/// Name, arity, whether it writes, the range of its keys.
const COMMANDS: [(&str, i64, bool, [i64; 3]); 17] = [
    ("cache.set", -3, true, [1, 1, 1]),
    ("cache.get", -2, false, [1, 1, 1]),
    ("cache.mget", -2, false, [1, -1, 1]),
    ("cache.getex", -2, true, [1, 1, 1]),
    ("cache.exists", -2, false, [1, -1, 1]),
    ("cache.getorlock", -2, true, [1, 1, 1]),
    ("cache.renew", 4, true, [1, 1, 1]),
    ("cache.unlock", -3, true, [1, 1, 1]),
    ("cache.settags", -2, true, [1, 1, 1]),
    ("cache.tags", 2, false, [1, 1, 1]),
    ("cache.invalidate", -2, true, [0, 0, 0]),
    ("cache.markstale", -2, true, [0, 0, 0]),
    ("cache.info", 2, false, [1, 1, 1]),
    ("cache.taginfo", 2, false, [0, 0, 0]),
    ("cache.tagscan", -3, false, [0, 0, 0]),
    ("cache.taglist", -2, false, [0, 0, 0]),
    ("cache.stats", -1, false, [0, 0, 0]),
];

/// The reply of `COMMAND INFO` for one command, field by field.
fn info(c: &mut Client, name: &str) -> Vec<Value> {
    match c.array(format!("COMMAND INFO {name}")).pop() {
        Some(Value::Array(fields)) => fields,
        other => panic!("no info about {name}: {other:?}"),
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) | Value::Set(items) => items.iter().map(show).collect(),
        other => panic!("no list: {other:?}"),
    }
}

#[test]
fn arity_flags_and_key_range_are_right() {
    let s = Server::start();
    let mut c = s.client();
    for (name, arity, writes, range) in COMMANDS {
        let info = info(&mut c, name);
        assert_eq!(show(&info[0]), name);
        assert_eq!(info[1], Value::Int(arity), "{name}");
        let flags = texts(&info[2]);
        assert_eq!(flags.contains(&"write".into()), writes, "{name}: {flags:?}");
        assert_eq!(
            flags.contains(&"readonly".into()),
            !writes,
            "{name}: {flags:?}"
        );
        let denies = ["cache.set", "cache.settags"].contains(&name);
        assert_eq!(
            flags.contains(&"denyoom".into()),
            denies,
            "{name}: {flags:?}"
        );
        assert_eq!(info[3..6], range.map(Value::Int), "{name}");
    }
}

#[test]
fn every_public_command_is_described() {
    let s = Server::start();
    let mut c = s.client();
    let listed = c.sorted("COMMAND LIST FILTERBY MODULE cache");
    for (name, ..) in COMMANDS {
        assert!(
            listed.contains(&name.to_owned()),
            "{name} is not in {listed:?}"
        );
    }
    for name in listed {
        let docs = Fields::of(c.run(format!("COMMAND DOCS {name}")));
        let docs = Fields::of(docs.get(&name).clone());
        assert!(docs.text("summary").len() > 10, "{name}");
        assert!(
            docs.text("complexity").starts_with("O("),
            "{name}: {}",
            docs.text("complexity")
        );
        assert!(!docs.text("since").is_empty(), "{name}");
        assert_eq!(docs.text("module"), "cache");
        let described = name == "cache.verify" || docs.text("arguments").contains("name");
        assert!(described, "{name} has no arguments");
    }
}

#[test]
fn arguments_of_set_are_described_in_full() {
    let s = Server::start();
    let docs = s.client().text("COMMAND DOCS cache.set");
    for word in [
        "key", "value", "NX", "XX", "EX", "PX", "EXAT", "PXAT", "KEEPTTL", "GRACE", "PGRACE",
        "TOKEN", "TAGS", "numtags",
    ] {
        assert!(docs.contains(word), "{word} is missing in {docs}");
    }
}

#[test]
fn getkeys_finds_the_keys() {
    let s = Server::start();
    let mut c = s.client();
    for (command, keys) in [
        ("CACHE.SET k v EX 10 TAGS 2 a b", "[k]"),
        ("CACHE.GET k STALE", "[k]"),
        ("CACHE.MGET k1 k2 k3", "[k1 k2 k3]"),
        ("CACHE.EXISTS k1 k2", "[k1 k2]"),
        ("CACHE.GETEX k EX 10", "[k]"),
        ("CACHE.GETORLOCK k WAIT 100", "[k]"),
        ("CACHE.RENEW k 1 2", "[k]"),
        ("CACHE.UNLOCK k 1", "[k]"),
        ("CACHE.SETTAGS k a b", "[k]"),
        ("CACHE.TAGS k", "[k]"),
        ("CACHE.INFO k", "[k]"),
    ] {
        c.check(format!("COMMAND GETKEYS {command}"), keys);
    }
    for command in [
        "CACHE.INVALIDATE a",
        "CACHE.MARKSTALE a",
        "CACHE.TAGSCAN a 0",
        "CACHE.STATS RESET",
    ] {
        let reply = c.text(format!("COMMAND GETKEYS {command}"));
        assert_eq!(reply, "-ERR The command has no key arguments", "{command}");
    }
}

#[test]
fn key_specs_tell_reads_from_writes() {
    let s = Server::start();
    let mut c = s.client();
    for (name, _, writes, range) in COMMANDS {
        let specs = texts(&info(&mut c, name)[8]);
        if range == [0, 0, 0] {
            assert!(specs.is_empty(), "{name}: {specs:?}");
            continue;
        }
        let [spec] = &specs[..] else {
            panic!("{name} has not one key spec: {specs:?}")
        };
        assert_eq!(spec.contains("RO"), !writes, "{name}: {spec}");
        assert!(!spec.contains("incomplete"), "{name}: {spec}");
    }
}

#[test]
fn tips_tell_cluster_clients_where_to_send() {
    let s = Server::start();
    let mut c = s.client();
    for (name, response) in [
        ("cache.invalidate", "agg_sum"),
        ("cache.markstale", "agg_sum"),
        ("cache.stats", "special"),
    ] {
        let tips = texts(&info(&mut c, name)[7]);
        assert!(
            tips.contains(&"request_policy:all_shards".into()),
            "{name}: {tips:?}"
        );
        assert!(
            tips.contains(&format!("response_policy:{response}")),
            "{name}: {tips:?}"
        );
    }
}

#[test]
fn wrong_numbers_of_arguments_are_refused_by_name() {
    let s = Server::start();
    let mut c = s.client();
    for (name, arity, ..) in COMMANDS {
        if arity == -1 {
            continue;
        }
        let too_few = usize::try_from(arity.abs() - 2).unwrap();
        let command = format!("{name} {}", "x ".repeat(too_few));
        let error = format!("-ERR wrong number of arguments for '{name}' command");
        c.check(command, &error);
        if arity > 0 {
            c.check(format!("{name} x x x x x"), &error);
        }
    }
}
