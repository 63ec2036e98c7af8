//! `docs/commands.json` says the same as the server is told. `LARDER_UPDATE=1` writes it anew.
//!
//! The form is that of the commands.json which tools for Redis read.

use std::path::Path;
use std::{env, fs};

use larder_core::command::spec::{Arg, Kind, SPECS, Spec};
use serde_json::{Map, Value, json};

fn argument(arg: &Arg) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), arg.name.into());
    let (kind, parts): (_, &[Arg]) = match arg.kind {
        Kind::Key => ("key", &[]),
        Kind::String => ("string", &[]),
        Kind::Pattern => ("pattern", &[]),
        Kind::Integer => ("integer", &[]),
        Kind::Double => ("double", &[]),
        Kind::UnixTime => ("unix-time", &[]),
        Kind::Token => ("pure-token", &[]),
        Kind::OneOf(parts) => ("oneof", parts),
        Kind::Block(parts) => ("block", parts),
    };
    fields.insert("type".into(), kind.into());
    if let Some(token) = arg.token {
        fields.insert("token".into(), token.into());
    }
    for (name, set) in [("optional", arg.optional), ("multiple", arg.multiple)] {
        if set {
            fields.insert(name.into(), true.into());
        }
    }
    if !parts.is_empty() {
        fields.insert("arguments".into(), parts.iter().map(argument).collect());
    }
    Value::Object(fields)
}

fn command(spec: &Spec) -> Value {
    let words = |text: &str| {
        text.split_whitespace()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    json!({
        "summary": spec.summary,
        "complexity": spec.complexity,
        "group": "module",
        "since": "0.1.0",
        "arity": spec.arity,
        "command_flags": words(spec.flags),
        "acl_categories": words(spec.categories),
        "hints": words(spec.tips),
        "arguments": spec.args.iter().map(argument).collect::<Vec<_>>(),
    })
}

#[test]
fn the_machine_readable_reference_is_up_to_date() {
    let public = SPECS
        .iter()
        .filter(|spec| !spec.summary.starts_with("Internal:"));
    let commands: Map<String, Value> = public
        .map(|spec| (spec.name.to_uppercase(), command(spec)))
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.json");
    if env::var_os("LARDER_UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&commands).expect("JSON");
        fs::write(&path, text + "\n").expect("docs/commands.json can be written");
    }
    let text = fs::read_to_string(&path).expect("docs/commands.json");
    let saved: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        saved, commands,
        "LARDER_UPDATE=1 cargo test docs_json writes it anew"
    );
}
