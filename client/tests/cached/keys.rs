//! Keys and tags. No server is needed.

use std::collections::BTreeMap;

use larder_client::cached;
use serde::Serialize;

#[cached]
async fn nothing() -> u64 {
    0
}

#[cached]
async fn one(id: u64) -> u64 {
    id
}

#[cached(version = 2)]
async fn changed(id: u64) -> u64 {
    id
}

#[derive(Serialize)]
struct Filter<'a> {
    text: &'a str,
    limits: BTreeMap<u8, Option<f64>>,
}

#[cached]
async fn many(filter: &Filter<'_>, page: Option<&u32>, _language: String) -> u64 {
    filter.text.len() as u64 + u64::from(*page.unwrap_or(&0))
}

#[cached(name = "renamed")]
async fn named(id: u64) -> u64 {
    id
}

#[cached(key = format!("{}/{id}", name.to_lowercase()))]
async fn custom(name: &str, id: u64, _time: u64) -> u64 {
    id
}

#[cached(key = (&name, id))]
async fn compound(name: String, id: u64) -> u64 {
    id + name.len() as u64
}

/// These are what other processes and later versions look for: they must never change.
#[test]
fn keys_stay_what_they_are() {
    let filter = Filter {
        text: "é\"",
        limits: [(10, None), (9, Some(1.0))].into(),
    };
    let keys = [
        (nothing::cache_key(), "f:cached::keys::nothing:v1:()"),
        (one::cache_key(7), "f:cached::keys::one:v1:[7]"),
        (changed::cache_key(7), "f:cached::keys::changed:v2:[7]"),
        (named::cache_key(7), "f:cached::keys::renamed:v1:[7]"),
        (
            many::cache_key(&filter, Some(&3), "is".to_owned()),
            r#"f:cached::keys::many:v1:[{"limits":{10:null,9:1.0},"text":"é\""},3,"is"]"#,
        ),
        (
            custom::cache_key("A", 7),
            r#"f:cached::keys::custom:v1:"a/7""#,
        ),
        (
            compound::cache_key("A".to_owned(), 7),
            r#"f:cached::keys::compound:v1:["A",7]"#,
        ),
    ];
    for (key, golden) in keys {
        assert_eq!(key.unwrap(), golden);
    }
}

#[test]
fn long_arguments_are_hashed() {
    let [long, longer] =
        [1000, 1001].map(|length| custom::cache_key(&"x".repeat(length), 1).unwrap());
    assert!(long.len() < 200, "{long}");
    assert_ne!(long, longer);
}

#[derive(Debug)]
struct Unserializable;

impl Serialize for Unserializable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[cached]
async fn unserializable(argument: &Unserializable) -> String {
    format!("{argument:?}")
}

#[tokio::test]
async fn without_a_key_the_body_runs() {
    let error = unserializable::cache_key(&Unserializable).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no key can be made of these arguments: not today"
    );
    assert_eq!(unserializable(&Unserializable).await, "Unserializable");
}
