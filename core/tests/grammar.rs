//! What a client writes is what the server reads, for every command; and nothing anybody may send
//! makes a parser panic.

#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "properties/command.rs"]
mod property;
#[path = "properties/seeds.rs"]
mod seeds;

use larder_core::command::apply::{ApplySet, ApplyTags, ApplyTouch};
use larder_core::command::get::Get;
use larder_core::command::getex::{GetEx, Move};
use larder_core::command::getorlock::{GetOrLock, MAX_WAIT_MS};
use larder_core::command::invalidate::{Touch, TouchTags};
use larder_core::command::renew::Renew;
use larder_core::command::set::{Condition, Set, Ttl};
use larder_core::command::settags::SetTags;
use larder_core::command::stats::Stats;
use larder_core::command::taginfo::TagInfo;
use larder_core::command::taglist::TagList;
use larder_core::command::tagscan::TagScan;
use larder_core::command::unlock::Unlock;
use larder_core::command::{Encoded, Tags};
use larder_core::config::Config;
use larder_core::glob;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Names = BTreeSet<Vec<u8>>;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..20)
}

fn names() -> impl Strategy<Value = Names> {
    btree_set(bytes(), 0..30)
}

fn token() -> impl Strategy<Value = u64> {
    1..1u64 << 53
}

fn lease() -> impl Strategy<Value = u64> {
    1..=60_000u64
}

fn ms() -> impl Strategy<Value = i64> {
    1..i64::MAX
}

fn ttl() -> impl Strategy<Value = Ttl> {
    prop_oneof![
        Just(Ttl::Default),
        ms().prop_map(Ttl::In),
        ms().prop_map(Ttl::At),
        Just(Ttl::Keep)
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        Just(Condition::IfAbsent),
        Just(Condition::IfPresent),
        token().prop_map(Condition::Token)
    ]
}

fn touch() -> impl Strategy<Value = Touch> {
    prop_oneof![Just(Touch::Invalidate), Just(Touch::MarkStale)]
}

fn tags(names: &Names) -> Tags<'_> {
    names.iter().map(Vec::as_slice).collect()
}

/// Asserts that `parse` reads `encode`'s words as the command they were written from.
macro_rules! returns {
    ($command:expr, $encoded:ident => $parse:expr) => {{
        // Declared first, for what was read borrows from it.
        let words: Vec<Vec<u8>>;
        let command = $command;
        Encoded(words) = command.encode();
        let $encoded = &words[..];
        prop_assert_eq!($parse, Ok(command));
    }};
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn set(key in bytes(), value in bytes(), condition in option::of(condition()), ttl in ttl(), grace in option::of(1..i64::MAX as u64), names in names()) {
        let has_end = matches!(ttl, Ttl::In(_) | Ttl::At(_));
        let grace_ms = grace.filter(|_| has_end);
        let set = Set { key: &key, value: &value, condition, ttl, grace_ms, tags: tags(&names) };
        returns!(set, words => Set::parse(words, &Config::default()));
    }

    #[test]
    fn reads(key in bytes(), stale: bool, with_meta: bool, no_miss: bool, to in option::of(ms()), at: bool) {
        returns!(Get { key: &key, stale, with_meta, no_miss }, words => Get::parse(words));
        let ttl = match to {
            Some(ms) if at => Some(Move::At(ms)),
            Some(ms) => Some(Move::In(ms)),
            None => at.then_some(Move::Never),
        };
        returns!(GetEx { key: &key, ttl }, words => GetEx::parse(words));
    }

    #[test]
    fn leases(
        key in bytes(), token in token(), lease in lease(), given in option::of(lease()), wait in 0..=MAX_WAIT_MS,
        beta in option::of(0.0..1e300f64), fresh: bool, bound: bool,
    ) {
        let config = Config::default();
        let ask = GetOrLock { key: &key, lease_ms: given, wait_ms: wait, early: beta, fresh, bound };
        returns!(ask, words => GetOrLock::parse(words, &config));
        returns!(Renew { key: &key, token, ms: lease }, words => Renew::parse(words, &config));
        returns!(Unlock { key: &key, token, backoff_ms: given }, words => Unlock::parse(words, &config));
    }

    #[test]
    fn tag_commands(key in bytes(), names in names(), touch in touch(), cursor: u64, count in 1..=256usize, pattern in option::of(bytes())) {
        let config = Config::default();
        returns!(SetTags { key: &key, tags: tags(&names) }, words => SetTags::parse(words, &config));
        if !names.is_empty() {
            returns!(TouchTags { touch, tags: tags(&names) }, words => TouchTags::parse(words, touch));
        }
        returns!(TagInfo { tag: &key }, words => TagInfo::parse(words));
        returns!(TagScan { tag: &key, cursor, count }, words => TagScan::parse(words));
        returns!(TagList { cursor, pattern: pattern.as_deref(), count }, words => TagList::parse(words));
    }

    #[test]
    fn stats(prefix in bytes()) {
        for stats in [Stats::All, Stats::Prefix(&prefix), Stats::Prefixes, Stats::Reset] {
            returns!(stats, words => Stats::parse(words));
        }
    }

    #[test]
    fn effects(
        key in bytes(), value in bytes(), stored_ms: i64, compute_ms in option::of(any::<u32>()), mark_ms in option::of(0..i64::MAX),
        grace_ms in 0..i64::MAX as u64, end_ms in option::of(0..i64::MAX), hold_ms in option::of(0..i64::MAX), names in names(), touch in touch(),
    ) {
        let set = ApplySet { key: &key, value: &value, stored_ms, compute_ms, mark_ms, grace_ms, end_ms, hold_ms, tags: tags(&names) };
        returns!(set, words => ApplySet::parse(words));
        returns!(ApplyTags { key: &key, tags: tags(&names) }, words => ApplyTags::parse(words));
        if !names.is_empty() {
            returns!(ApplyTouch { touch, at_ms: stored_ms, tags: tags(&names) }, words => ApplyTouch::parse(words, touch));
        }
    }

    #[test]
    fn no_words_make_a_parser_panic(words in vec(word(), 0..12)) {
        let (words, config) = (&words[..], Config::default());
        let _ = (Set::parse(words, &config), Get::parse(words), GetEx::parse(words), GetOrLock::parse(words, &config));
        let _ = (Renew::parse(words, &config), Unlock::parse(words, &config), SetTags::parse(words, &config));
        let _ = (TagInfo::parse(words), TagScan::parse(words), TagList::parse(words), Stats::parse(words));
        let _ = (ApplySet::parse(words), ApplyTags::parse(words));
        for touch in [Touch::Invalidate, Touch::MarkStale] {
            let _ = (TouchTags::parse(words, touch), ApplyTouch::parse(words, touch));
        }
    }

    #[test]
    fn a_glob_without_special_characters_matches_itself_only(text in "[a-z:]{0,12}", other in "[a-z:]{0,12}") {
        prop_assert!(glob::matches(text.as_bytes(), text.as_bytes()));
        prop_assert_eq!(glob::matches(text.as_bytes(), other.as_bytes()), text == other);
        let framed = format!("*{text}*");
        prop_assert_eq!(glob::matches(framed.as_bytes(), other.as_bytes()), other.contains(&text));
    }

    #[test]
    fn no_pattern_makes_glob_panic(pattern in "[*?\\[\\]^\\\\a-c-]{0,16}", text in "[a-c\\]]{0,12}") {
        let _ = glob::matches(pattern.as_bytes(), text.as_bytes());
    }
}

#[test]
fn what_the_fuzzer_starts_from_is_read_again_as_it_was() {
    seeds::each("command", property::check);
}

/// A word that may mean something, or anything at all.
fn word() -> impl Strategy<Value = Vec<u8>> {
    const KNOWN: [&str; 34] = [
        "NX",
        "xx",
        "EX",
        "px",
        "EXAT",
        "PXAT",
        "KEEPTTL",
        "GRACE",
        "PGRACE",
        "TOKEN",
        "TAGS",
        "STALE",
        "WITHMETA",
        "NOMISS",
        "PERSIST",
        "LEASE",
        "WAIT",
        "EARLY",
        "FRESH",
        "BOUND",
        "BACKOFF",
        "COUNT",
        "MATCH",
        "PREFIX",
        "PREFIXES",
        "RESET",
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "1e400",
        "nan",
    ];
    prop_oneof![3 => proptest::sample::select(&KNOWN[..]).prop_map(|word| word.as_bytes().to_vec()), 1 => bytes()]
}
