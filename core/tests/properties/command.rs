//! What holds for any words a client may send.

#[path = "allocations.rs"]
mod allocations;

use larder_core::command::Encoded;
use larder_core::command::apply::{ApplySet, ApplyTags, ApplyTouch};
use larder_core::command::get::Get;
use larder_core::command::getex::GetEx;
use larder_core::command::getorlock::{GetOrLock, MAX_WAIT_MS};
use larder_core::command::invalidate::{Touch, TouchTags};
use larder_core::command::renew::Renew;
use larder_core::command::set::{Condition, Set};
use larder_core::command::settags::SetTags;
use larder_core::command::stats::Stats;
use larder_core::command::taginfo::TagInfo;
use larder_core::command::taglist::TagList;
use larder_core::command::tagscan::{MAX_COUNT, TagScan};
use larder_core::command::unlock::Unlock;
use larder_core::config::Config;
use larder_core::error::Error;
use std::collections::HashSet;

/// Memory for each word: two references of 16 bytes, one in a vector and one in a hash table, both
/// of which double, the table at seven eighths.
const BYTES_PER_WORD: usize = 256;

/// Larger than any token.
const TOKEN_LIMIT: u64 = 1 << 53;

/// The words, one a line, are given to the parser of every command, under the default settings and
/// under narrow ones. What it accepts is within the limits, and is read again from what a client
/// would write for it.
pub fn check(lines: &[u8]) {
    let words: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
    let narrow = Config {
        default_ttl_ms: 70,
        max_lease_time_ms: 1_000,
        max_tags_per_entry: 2,
        max_tag_length: 3,
        ..Config::default()
    };
    for config in [Config::default(), narrow] {
        check_writes(&words, &config);
        check_leases(&words, &config);
        check_tags(&words, &config);
    }
    check_reads(&words);
    check_effects(&words);
}

/// If `$parse` accepts the words, it must read the same from what `$encode` writes for them. What
/// was read is then `$command` for the expression at the end.
macro_rules! returns {
    ($words:expr, $parse:expr, $encode:path $(, $command:ident => $limits:expr)?) => {{
        // Declared first, for what is read borrows from them.
        let (written, again): (Vec<Vec<u8>>, Vec<&[u8]>);
        if let Some(command) = sparingly($words, $parse) {
            Encoded(written) = $encode(&command);
            again = written.iter().map(Vec::as_slice).collect();
            assert_eq!(sparingly(&again, $parse).as_ref(), Some(&command));
            $(
                let $command = &command;
                $limits;
            )?
        }
    }};
}

/// What `parse` makes of the words, with a look at the memory it takes.
fn sparingly<'a, T>(
    words: &'a [&'a [u8]],
    parse: impl FnOnce(&'a [&'a [u8]]) -> Result<T, Error>,
) -> Option<T> {
    let (result, taken, _) = allocations::measure(|| parse(words));
    assert!(
        taken <= BYTES_PER_WORD * words.len(),
        "{taken} bytes of memory for {} words",
        words.len()
    );
    result.ok()
}

fn check_writes(words: &[&[u8]], config: &Config) {
    let most = config.max_tags_per_entry;
    returns!(words, |words| Set::parse(words, config), Set::encode, set => {
        if let Some(Condition::Token(token)) = set.condition {
            assert_token(token);
        }
        assert!(set.grace_ms != Some(0));
        let end = set.ttl.resolve(1, config);
        assert!(end.is_err() || end.is_ok_and(|end| end.is_none_or(|ms| ms > 0)));
        assert_tags(set.tags.iter(), most, config);
    });
    returns!(words, |words| SetTags::parse(words, config), SetTags::encode, set => {
        assert_tags(set.tags.iter(), most, config);
    });
}

fn check_leases(words: &[&[u8]], config: &Config) {
    let lasts = |ms| (1..=config.max_lease_time_ms).contains(&ms);
    returns!(words, |words| GetOrLock::parse(words, config), GetOrLock::encode, ask => {
        assert!(ask.lease_ms.is_none_or(lasts));
        assert!(ask.wait_ms <= MAX_WAIT_MS);
        assert!(ask.early.is_none_or(|beta| beta.is_finite() && beta >= 0.0));
    });
    returns!(words, |words| Renew::parse(words, config), Renew::encode, renew => {
        assert_token(renew.token);
        assert!(lasts(renew.ms));
    });
    returns!(words, |words| Unlock::parse(words, config), Unlock::encode, unlock => {
        assert_token(unlock.token);
        assert!(unlock.backoff_ms.is_none_or(lasts));
    });
}

fn check_tags(words: &[&[u8]], config: &Config) {
    for touch in [Touch::Invalidate, Touch::MarkStale] {
        let parse = |words| TouchTags::parse(words, touch, config);
        returns!(words, parse, TouchTags::encode, touch => {
            assert_tags(touch.tags.iter(), usize::MAX, config);
        });
    }
    returns!(words, |words| TagInfo::parse(words, config), TagInfo::encode, info => {
        assert_tags([info.tag].into_iter(), 1, config);
    });
    returns!(words, |words| TagScan::parse(words, config), TagScan::encode, scan => {
        assert_tags([scan.tag].into_iter(), 1, config);
        assert_count(scan.count);
    });
}

fn check_reads(words: &[&[u8]]) {
    returns!(words, Get::parse, Get::encode);
    returns!(words, GetEx::parse, GetEx::encode);
    returns!(words, Stats::parse, Stats::encode);
    returns!(words, TagList::parse, TagList::encode, list => assert_count(list.count));
}

fn check_effects(words: &[&[u8]]) {
    returns!(words, ApplySet::parse, ApplySet::encode);
    returns!(words, ApplyTags::parse, ApplyTags::encode);
    for touch in [Touch::Invalidate, Touch::MarkStale] {
        let parse = |words| ApplyTouch::parse(words, touch);
        returns!(words, parse, ApplyTouch::encode);
    }
}

fn assert_token(token: u64) {
    assert!((1..TOKEN_LIMIT).contains(&token), "token {token}");
}

fn assert_count(count: usize) {
    assert!((1..=MAX_COUNT).contains(&count), "COUNT {count}");
}

/// Each tag once, and no more and none longer than the settings allow.
fn assert_tags<'a>(
    tags: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    most: usize,
    config: &Config,
) {
    assert!(tags.len() <= most);
    let mut seen = HashSet::new();
    for tag in tags {
        assert!(tag.len() <= config.max_tag_length);
        assert!(seen.insert(tag), "{tag:?} is there twice");
    }
}
