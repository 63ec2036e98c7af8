//! Entries on their way into and out of snapshots, copies and digests.

use crate::events::Source;
use crate::raw::block::{Block, Heap};
use crate::raw::ctx::{self, now};
use crate::raw::io::{Digest, Io};
use crate::raw::string::{OwnStr, Str};
use crate::state::{self, State};
use larder_core::codec::{self, Meta, Tags};
use larder_core::command::apply::ApplySet;
use larder_core::config::LoadPolicy;
use larder_core::entry::{Arena, Draft, Handle, Hold, Rare};
use larder_core::index::Verdict;
use smallvec::SmallVec;

/// A key of a database, as the server names it to callbacks.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) db: i32,
    pub(crate) key: &'a [u8],
}

/// Reads an entry. What can't be read is logged; the server then refuses the whole payload.
pub(crate) fn load(io: Io) -> Option<Block> {
    let (meta, value) = (io.load()?, io.load()?);
    let meta = match codec::decode(meta.bytes()) {
        Ok(meta) => meta,
        Err(error) => {
            io.log(&error.to_string());
            return None;
        }
    };
    state::with(|state| {
        let mut draft = Draft {
            key: io.key(),
            value: (!meta.pending).then(|| value.bytes()),
            stored_ms: meta.stored_ms,
            tagged_ms: meta.tagged_ms,
            grace_ms: meta.grace_ms,
            compute_ms: meta.compute_ms,
            rare: Rare {
                mark_ms: meta.mark_ms,
                hold: hold(meta.value_end_ms, meta.hold_ms),
                ..Rare::default()
            },
            // A lease is never carried along, so a placeholder is nothing here.
            condemned: meta.dead || meta.pending,
            ..Draft::default()
        };
        apply_policy(state, &mut draft);
        judge_by_memory(state, io.db(), &meta, &mut draft);
        state.just_loaded = true;
        match state.make(io.db(), draft, meta.tags) {
            Ok(block) => Some(block),
            Err(error) => {
                io.log(&error.to_string());
                None
            }
        }
    })
}

/// What becomes of entries that are found at start.
fn apply_policy(state: &State, draft: &mut Draft<'_>) {
    let at_start = !state.running && matches!(state.loading, Some(Source::Snapshot | Source::Aof));
    match state.config.load_policy {
        LoadPolicy::Stale if at_start => {
            draft.rare.mark_ms = draft.rare.mark_ms.or(Some(now().unix_ms));
        }
        LoadPolicy::Drop if at_start => draft.condemned = true,
        _ => {}
    }
}

/// In cluster mode an entry may come from a server that has not seen an invalidation we have seen:
/// it is judged by the wall clock, with the clocks' skew to spare.
fn judge_by_memory(state: &mut State, db: i32, meta: &Meta<Tags<'_>>, draft: &mut Draft<'_>) {
    // An AOF repeats what arrived, and before that, what had been invalidated by then.
    if !state.cluster || matches!(state.loading, Some(Source::Snapshot | Source::Primary)) {
        return;
    }
    let since = computed_from_ms(meta).saturating_sub_unsigned(state.config.max_clock_skew_ms);
    // A replica keeps what its primary keeps, who may remember more.
    let decides = state.loading.is_none() && ctx::is_primary();
    let keep = state.retention();
    let index = state.index(db);
    let forgotten = decides && index.may_have_forgotten_since(since, keep);
    draft.condemned |= forgotten && meta.tags.into_iter().next().is_some();
    draft.condemned |= meta
        .tags
        .into_iter()
        .any(|tag| index.invalidated_since_ms(tag, since));
    let marked = meta
        .tags
        .into_iter()
        .filter_map(|tag| index.marked_since_ms(tag, since))
        .min();
    draft.rare.mark_ms = draft.rare.mark_ms.into_iter().chain(marked).min();
}

/// When the state of affairs was that an entry is from, unix ms: a fill is as old as its lease, for
/// tags may have been invalidated since that its server had not heard of yet. Tags that were given
/// later count from then.
fn computed_from_ms(meta: &Meta<Tags<'_>>) -> i64 {
    let filled = meta.tagged_ms == meta.stored_ms;
    // The two clocks that this comes from don't change their ms at the same instant.
    let took = meta.compute_ms.filter(|_| filled);
    let ago = took.map_or(0, |ms| i64::from(ms) + 1);
    meta.tagged_ms.saturating_sub(ago)
}

fn hold(value_end_ms: Option<i64>, key_end_ms: Option<i64>) -> Option<Hold> {
    let (value_end_ms, key_end_ms) = value_end_ms.zip(key_end_ms)?;
    Some(Hold {
        value_end_ms,
        key_end_ms,
    })
}

/// Writes an entry.
pub(crate) fn save(io: Io, handle: Handle) {
    let mut meta = Vec::new();
    state::with(|state| {
        let (dead, rare) = testify(state, io.db(), handle);
        let entry = Heap.entry(handle);
        let header = entry.header;
        let tags: SmallVec<[&[u8]; 8]> = state.index(io.db()).tag_names(entry).collect();
        let parts = Meta {
            pending: header.is_pending(),
            dead,
            stored_ms: header.stored_ms,
            tagged_ms: entry.tagged_ms(),
            mark_ms: rare.mark_ms,
            compute_ms: header.compute_ms(),
            grace_ms: header.grace_ms,
            value_end_ms: rare.hold.map(|hold| hold.value_end_ms),
            hold_ms: rare.hold.map(|hold| hold.key_end_ms),
            tags: &tags[..],
        };
        codec::encode(&parts, &mut meta);
    });
    io.save(&meta);
    io.save(Heap.entry(handle).value());
}

/// Writes an entry as a command. The server itself adds the key's expiry.
pub(crate) fn rewrite(io: Io, key: Str<'_>, handle: Handle) {
    let details: Vec<OwnStr> = state::with(|state| {
        let (dead, rare) = testify(state, io.db(), handle);
        let entry = Heap.entry(handle);
        let header = entry.header;
        if header.is_pending() || dead {
            return Vec::new();
        }
        let effect = ApplySet {
            key: &[],
            value: &[],
            stored_ms: header.stored_ms,
            compute_ms: header.compute_ms(),
            mark_ms: rare.mark_ms,
            grace_ms: header.grace_ms,
            end_ms: rare.hold.map(|hold| hold.value_end_ms),
            hold_ms: rare.hold.map(|hold| hold.key_end_ms),
            tags: state.index(io.db()).tag_names(entry).collect(),
        };
        std::iter::once(OwnStr::new(&effect.times()))
            .chain(effect.tags.iter().map(OwnStr::new))
            .collect()
    });
    if details.is_empty() {
        return;
    }
    // The key may be a string on the server's stack, which can't be passed on.
    let mut strings = vec![
        OwnStr::new(key.bytes()),
        OwnStr::new(Heap.entry(handle).value()),
    ];
    strings.extend(details);
    io.emit(c"CACHE.APPLYSET", &OwnStr::pointers(&strings));
}

/// Whether an entry is dead, and its rare part with the mark its tags know of. This runs in the
/// process that saves, so it writes nothing.
fn testify(state: &mut State, db: i32, handle: Handle) -> (bool, Rare) {
    state.attach(db, handle);
    let entry = Heap.entry(handle);
    let mut rare = entry.header.rare.as_deref().cloned().unwrap_or_default();
    match state.index(db).verdict(entry) {
        Verdict::Dead => (true, rare),
        Verdict::Alive => (false, rare),
        Verdict::Marked(ms) => {
            rare.mark_ms = Some(rare.mark_ms.map_or(ms, |mark| mark.min(ms)));
            (false, rare)
        }
    }
}

/// Adds what primary and replica must agree on.
pub(crate) fn digest(digest: Digest, handle: Handle) {
    let tags: Vec<Box<[u8]>> = state::with(|state| {
        let db = state.db_of(handle);
        let rare = state.write_down(db, handle);
        let entry = Heap.entry(handle);
        let header = entry.header;
        for number in [
            header.stored_ms,
            header.grace_ms.cast_signed(),
            header.compute_ms().map_or(-1, i64::from),
            rare.mark_ms.unwrap_or(-1),
            i64::from(header.is_condemned()),
        ] {
            digest.add_integer(number);
        }
        state.index(db).tag_names(entry).map(Box::from).collect()
    });
    tags.iter().for_each(|tag| digest.add(tag));
    digest.add(Heap.entry(handle).value());
    digest.end_sequence();
}

/// A copy of an entry, to become another key's value.
pub(crate) fn copy(from: Place<'_>, to: Place<'_>, handle: Handle) -> Option<Block> {
    state::with(|state| {
        state.write_down(from.db, handle);
        let entry = Heap.entry(handle);
        let tags: Vec<Box<[u8]>> = state
            .index(from.db)
            .tag_names(entry)
            .map(Box::from)
            .collect();
        let draft = Draft::copy_of(entry, to.key);
        let copy = state
            .make(to.db, draft, tags.iter().map(|tag| &**tag))
            .ok()?;
        state.carried_from = Some(from.db);
        Some(copy)
    })
}

/// A key is about to be removed, or to lose its value to another key.
pub(crate) fn unlink(place: Place<'_>, handle: Handle) {
    state::with(|state| {
        state.detach(place.db, handle);
        state.unsettle(place.db, place.key);
        state.arm_for_work();
    });
}
