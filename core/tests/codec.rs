//! The bytes of saved metadata: what was written once can be read for ever, and what was not
//! written here does no harm.

#![allow(clippy::expect_used)]

#[path = "properties/codec.rs"]
mod property;
#[path = "properties/seeds.rs"]
mod seeds;

use larder_core::codec::{DecodeError, MAX_TAGS, Meta, TIME_LIMIT_MS, decode, encode};
use proptest::prelude::*;
use std::collections::BTreeSet;

const STORED_MS: i64 = 1_700_000_000_000;

const PLAIN: Meta<&[&[u8]]> = Meta {
    pending: false,
    dead: false,
    stored_ms: STORED_MS,
    tagged_ms: STORED_MS,
    mark_ms: None,
    compute_ms: None,
    grace_ms: 0,
    value_end_ms: None,
    hold_ms: None,
    tags: &[],
};

/// Version 1 is frozen: these bytes never change.
const GOLDEN: [(Meta<&[&[u8]]>, &str); 5] = [
    (PLAIN, "01 00 80 a0 ab fe f9 62 00 00 00"),
    (
        Meta {
            pending: true,
            dead: true,
            tagged_ms: STORED_MS + 1_500,
            mark_ms: Some(STORED_MS + 60_000),
            compute_ms: Some(230),
            grace_ms: 300_000,
            value_end_ms: Some(STORED_MS + 360_000),
            hold_ms: Some(STORED_MS + 365_000),
            tags: &[b"user:1", b"\xff\x00", b""],
            ..PLAIN
        },
        "01 3f 80 a0 ab fe f9 62 b8 17 c0 a9 07 e6 01 e0 a7 12 80 f9 2b 90 c7 2c \
         03 06 75 73 65 72 3a 31 02 ff 00 00",
    ),
    (
        Meta {
            pending: true,
            hold_ms: Some(STORED_MS + 5_000),
            ..PLAIN
        },
        "01 21 80 a0 ab fe f9 62 00 00 90 4e 00",
    ),
    (
        Meta {
            dead: true,
            tags: &[b"users"],
            ..PLAIN
        },
        "01 02 80 a0 ab fe f9 62 00 00 01 05 75 73 65 72 73",
    ),
    (
        Meta {
            stored_ms: -1,
            tagged_ms: -2,
            ..PLAIN
        },
        "01 00 01 01 00 00",
    ),
];

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |digits| u8::from_str_radix(digits, 16).expect("two hex digits");
    text.split_whitespace().map(byte).collect()
}

fn encoded<T>(meta: &Meta<T>) -> Vec<u8>
where
    T: Copy + IntoIterator<Item: AsRef<[u8]>, IntoIter: ExactSizeIterator>,
{
    let mut bytes = Vec::new();
    encode(meta, &mut bytes);
    bytes
}

fn with_tags<T, U>(meta: &Meta<T>, tags: U) -> Meta<U> {
    Meta {
        tags,
        pending: meta.pending,
        dead: meta.dead,
        stored_ms: meta.stored_ms,
        tagged_ms: meta.tagged_ms,
        mark_ms: meta.mark_ms,
        compute_ms: meta.compute_ms,
        grace_ms: meta.grace_ms,
        value_end_ms: meta.value_end_ms,
        hold_ms: meta.hold_ms,
    }
}

/// The same with its tags copied, to compare.
fn owned<T: Copy + IntoIterator<Item: AsRef<[u8]>>>(meta: Meta<T>) -> Meta<Vec<Vec<u8>>> {
    let tags = meta
        .tags
        .into_iter()
        .map(|tag| tag.as_ref().to_vec())
        .collect();
    with_tags(&meta, tags)
}

fn borrowed(meta: &Meta<Vec<Vec<u8>>>) -> Meta<&[Vec<u8>]> {
    with_tags(meta, &meta.tags[..])
}

#[test]
fn golden_bytes() {
    for (meta, hex) in GOLDEN {
        let bytes = from_hex(hex);
        assert_eq!(encoded(&meta), bytes);
        assert_eq!(decode(&bytes).map(owned), Ok(owned(meta)));
    }
}

#[test]
fn the_example_of_the_documentation() {
    let page = include_str!("../../docs/format.md");
    let (_, example) = page.split_once("```hex\n").expect("an example");
    let (example, _) = example.split_once("```").expect("an end of the example");
    let bytes: Vec<u8> = example
        .lines()
        .filter_map(|line| line.split('|').next())
        .flat_map(from_hex)
        .collect();

    let tags: &[&[u8]] = &[b"user:1", b"users"];
    let meta = Meta {
        compute_ms: Some(230),
        grace_ms: 30_000,
        tags,
        ..PLAIN
    };
    assert_eq!(encoded(&meta), bytes);
}

#[test]
fn encoding_appends() {
    let mut bytes = b"before".to_vec();
    encode(&PLAIN, &mut bytes);
    assert_eq!(bytes, [b"before", &from_hex(GOLDEN[0].1)[..]].concat());
}

#[test]
fn another_version_is_named() {
    for version in [0, 2, 255] {
        let error = decode(&[version, 0]).expect_err("not a version");
        assert_eq!(error, DecodeError::UnknownVersion { version, newest: 1 });
        let text = error.to_string();
        assert!(text.contains(&format!("version {version} ")), "{text}");
        assert!(
            text.contains("newest known is 1: it takes the release"),
            "{text}"
        );
    }
}

#[test]
fn every_truncation_fails() {
    for (_, hex) in GOLDEN {
        let bytes = from_hex(hex);
        for len in 0..bytes.len() {
            assert_eq!(
                decode(&bytes[..len]),
                Err(DecodeError::Truncated),
                "{len} of {hex}"
            );
        }
    }
}

#[test]
fn nothing_may_follow() {
    for (_, hex) in GOLDEN {
        let bytes = [&from_hex(hex)[..], b"\0\0"].concat();
        assert_eq!(decode(&bytes), Err(DecodeError::TrailingBytes(2)));
    }
}

#[test]
fn every_changed_byte_fails_or_is_canonical() {
    for (_, hex) in GOLDEN {
        let mut bytes = from_hex(hex);
        for at in 0..bytes.len() {
            let right = bytes[at];
            for wrong in 0..=u8::MAX {
                bytes[at] = wrong;
                property::check(&bytes);
            }
            bytes[at] = right;
        }
    }
}

#[test]
fn what_the_fuzzer_starts_from_fails_or_is_canonical() {
    seeds::each("codec", property::check);
}

#[test]
fn what_is_claimed_is_not_believed() {
    let head = from_hex("01 00 00 00 00");
    let payload = |hex: &str| [&head[..], &from_hex(hex)].concat();
    let too_many = DecodeError::TooManyTags(MAX_TAGS as u64 + 1);
    assert_eq!(decode(&payload("80 80 04")), Err(too_many));
    assert_eq!(decode(&payload("ff ff 03")), Err(DecodeError::Truncated));
    assert_eq!(
        decode(&payload("01 ff ff ff ff 7f 61")),
        Err(DecodeError::Truncated)
    );
    assert_eq!(
        decode(&payload("02 01 61 01 61")),
        Err(DecodeError::DuplicateTag)
    );
    assert_eq!(decode(&payload("80 00")), Err(DecodeError::BadNumber));
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        STORED_MS - 100_000..STORED_MS + 100_000,
        1 - TIME_LIMIT_MS..TIME_LIMIT_MS
    ]
}

fn tags() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let tag = prop::collection::vec(any::<u8>(), 0..200);
    let distinct = prop::collection::btree_set(tag, 0..40);
    distinct
        .prop_map(|set: BTreeSet<_>| set.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

prop_compose! {
    fn metas()(
        (pending, dead) in any::<(bool, bool)>(),
        (stored_ms, tagged_ms) in (time(), time()),
        mark_ms in prop::option::of(time()),
        compute_ms: Option<u32>,
        grace_ms in 0..TIME_LIMIT_MS.cast_unsigned(),
        value_end_ms in prop::option::of(time()),
        hold_ms in prop::option::of(time()),
        tags in tags(),
    ) -> Meta<Vec<Vec<u8>>> {
        Meta {
            pending, dead, stored_ms, tagged_ms, mark_ms, compute_ms, grace_ms, value_end_ms,
            hold_ms, tags,
        }
    }
}

proptest! {
    #[test]
    fn metas_round_trip(meta in metas()) {
        let bytes = encoded(&borrowed(&meta));
        prop_assert_eq!(decode(&bytes).map(owned), Ok(meta));
    }

    #[test]
    fn soup_fails_or_is_canonical(soup: Vec<u8>) {
        property::check(&soup);
    }

    /// Soup that gets past the first checks.
    #[test]
    fn soup_behind_a_good_start_fails_or_is_canonical(flags in 0..64_u8, soup: Vec<u8>) {
        property::check(&[&[1, flags], &soup[..]].concat());
    }

    #[test]
    fn spliced_metas_fail_or_are_canonical(a in metas(), b in metas(), cut: prop::sample::Index) {
        let (a, b) = (encoded(&borrowed(&a)), encoded(&borrowed(&b)));
        let at = cut.index(a.len().min(b.len()));
        property::check(&[&a[..at], &b[at..]].concat());
    }
}
