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

/// A time of today.
const NOW_MS: i64 = 1_700_000_000_000;

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

/// The lines are the words of a command. What its parser accepts, under the default settings and
/// under narrow ones, is within the limits, and is read again from what a client would write for it.
pub(crate) fn check(lines: &[u8]) {
    let words: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
    let narrow = Config {
        default_ttl_ms: 70,
        max_lease_time_ms: 1_000,
        max_tags_per_entry: 2,
        max_tag_length: 3,
        ..Config::default()
    };
    for config in [Config::default(), narrow] {
        check_under(&config, &words);
    }
}

fn check_under(config: &Config, words: &[&[u8]]) {
    match &words[0].to_ascii_uppercase()[..] {
        b"CACHE.SET" => set(words, config),
        b"CACHE.SETTAGS" => set_tags(words, config),
        b"CACHE.GET" => returns!(words, Get::parse, Get::encode),
        b"CACHE.GETEX" => returns!(words, GetEx::parse, GetEx::encode),
        b"CACHE.GETORLOCK" => get_or_lock(words, config),
        b"CACHE.RENEW" => renew(words, config),
        b"CACHE.UNLOCK" => unlock(words, config),
        b"CACHE.INVALIDATE" => touch(Touch::Invalidate, words),
        b"CACHE.MARKSTALE" => touch(Touch::MarkStale, words),
        b"CACHE.TAGINFO" => returns!(words, TagInfo::parse, TagInfo::encode),
        b"CACHE.TAGSCAN" => tag_scan(words),
        b"CACHE.TAGLIST" => tag_list(words),
        b"CACHE.STATS" => returns!(words, Stats::parse, Stats::encode),
        b"CACHE.APPLYSET" => returns!(words, ApplySet::parse, ApplySet::encode),
        b"CACHE.APPLYTAGS" => returns!(words, ApplyTags::parse, ApplyTags::encode),
        b"CACHE.APPLYINVALIDATE" => apply_touch(Touch::Invalidate, words),
        b"CACHE.APPLYMARKSTALE" => apply_touch(Touch::MarkStale, words),
        _ => {}
    }
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

fn set(words: &[&[u8]], config: &Config) {
    returns!(words, |words| Set::parse(words, config), Set::encode, set => {
        if let Some(Condition::Token(token)) = set.condition {
            assert_token(token);
        }
        assert_ne!(set.grace_ms, Some(0));
        if let Ok(Some(end)) = set.ttl.resolve(NOW_MS, config) {
            assert!(end > 0);
        }
        assert_tags(set.tags.iter(), config.max_tags_per_entry, config);
    });
}

fn set_tags(words: &[&[u8]], config: &Config) {
    returns!(words, |words| SetTags::parse(words, config), SetTags::encode, set => {
        assert_tags(set.tags.iter(), config.max_tags_per_entry, config);
    });
}

fn get_or_lock(words: &[&[u8]], config: &Config) {
    returns!(words, |words| GetOrLock::parse(words, config), GetOrLock::encode, ask => {
        assert_lease(ask.lease_ms, config);
        assert!(ask.wait_ms <= MAX_WAIT_MS);
        assert!(ask.early.is_none_or(|beta| beta.is_finite() && beta >= 0.0));
    });
}

fn renew(words: &[&[u8]], config: &Config) {
    returns!(words, |words| Renew::parse(words, config), Renew::encode, renew => {
        assert_token(renew.token);
        assert_lease(Some(renew.ms), config);
    });
}

fn unlock(words: &[&[u8]], config: &Config) {
    returns!(words, |words| Unlock::parse(words, config), Unlock::encode, unlock => {
        assert_token(unlock.token);
        assert_lease(unlock.backoff_ms, config);
    });
}

fn touch(touch: Touch, words: &[&[u8]]) {
    let parse = |words| TouchTags::parse(words, touch);
    returns!(words, parse, TouchTags::encode, call => {
        assert!(!call.tags.is_empty());
        assert_each_once(call.tags.iter());
    });
}

fn tag_scan(words: &[&[u8]]) {
    returns!(words, TagScan::parse, TagScan::encode, scan => assert_count(scan.count));
}

fn tag_list(words: &[&[u8]]) {
    returns!(words, TagList::parse, TagList::encode, list => assert_count(list.count));
}

fn apply_touch(touch: Touch, words: &[&[u8]]) {
    let parse = |words| ApplyTouch::parse(words, touch);
    returns!(words, parse, ApplyTouch::encode);
}

fn assert_lease(ms: Option<u64>, config: &Config) {
    assert!(
        ms.is_none_or(|ms| (1..=config.max_lease_time_ms).contains(&ms)),
        "{ms:?} ms"
    );
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
    assert!(tags.clone().all(|tag| tag.len() <= config.max_tag_length));
    assert_each_once(tags);
}

fn assert_each_once<'a>(tags: impl Iterator<Item = &'a [u8]>) {
    let mut seen = HashSet::new();
    for tag in tags {
        assert!(seen.insert(tag), "{tag:?} is there twice");
    }
}
