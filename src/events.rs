//! What the server does to keys without asking us, and what follows from it.
//!
//! | event | what it means here |
//! | --- | --- |
//! | `unlink` of the data type (see `data_type`) | the entry leaves the index, its lease ends |
//! | `loaded`, `restore`, `copy_to`, `move_to`, `rename_to` | an entry has become a key's value |
//! | `move_from` | the database to go back to after `move_to` |
//! | `expire`, `persist` | the key's end was moved; a lease keeps it alive nevertheless |
//! | flush, swap | a database's index is dropped, or changes places |
//! | promotion, client gone | tokens jump ahead; leases bound to the connection end |
//! | demotion | leases end, placeholders go: the new primary knows of neither |

use crate::raw::block::Heap;
use crate::raw::ctx::{Ctx, wall_us};
use crate::raw::key::{Held, Mode};
use crate::raw::scan::Walk;
use crate::raw::string::{OwnStr, Str};
use crate::{keyspace, leases, state};
use larder_core::entry::{Arena, Draft, Handle, Life, Rare};
use larder_core::stats::Slot;

/// Where data that is being loaded comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// An RDB file.
    Snapshot,
    /// An AOF.
    Aof,
    /// The primary.
    Primary,
}

/// Something happened to a key, of whatever type.
///
/// The name may be a string on the server's stack, with which no key can be opened, so it is copied
/// where one must be. The database is asked of the key, not of the context: within a transaction
/// Valkey 9.1 gives the one that the transaction has selected.
pub(crate) fn key(ctx: Ctx<'_>, event: &[u8], name: Str<'_>) {
    match event {
        // Most keys that are loaded are of other types.
        b"loaded" if !state::with(|state| std::mem::take(&mut state.just_loaded)) => {}
        b"move_from" => state::with(|state| state.carried_from = Some(ctx.db())),
        b"copy_to" | b"move_to" => {
            arrived(ctx, OwnStr::new(name.bytes()).get());
            stay(ctx);
        }
        b"loaded" | b"restore" | b"rename_to" => arrived(ctx, OwnStr::new(name.bytes()).get()),
        b"expire" | b"persist" => end_moved(ctx, OwnStr::new(name.bytes()).get()),
        _ => {}
    }
}

/// Selects the database that a key was copied or moved from.
///
/// Valkey 8.1 lends us the very client that runs `COPY` or `MOVE`, with the other database selected,
/// and leaves it there. What that client does next, and what replicas are told of this
/// command, would then concern the wrong database.
fn stay(ctx: Ctx<'_>) {
    if let Some(db) = state::with(|state| state.carried_from.take()) {
        ctx.select(db);
    }
}

/// An entry has become the value of this key.
fn arrived(ctx: Ctx<'_>, name: Str<'_>) {
    let key = ctx.open(name, Mode::Peek);
    let (held, db) = (key.held(), key.db().unwrap_or_else(|| ctx.db()));
    drop(key);
    if let Held::Entry(handle) = held {
        state::with(|state| state.attach(db, handle));
        let entry = Heap.entry(handle);
        let renamed = entry.header.is_tagged() && entry.key() != name.bytes();
        // A placeholder was carried along with its key: a lease is not.
        let stray = entry.header.is_pending() && !entry.header.is_condemned();
        if renamed || stray {
            rebuild(ctx, db, name, handle);
        } else {
            Heap.entry_mut(handle).header.stats = Slot::NONE;
        }
        end_marked(ctx, name);
    }
    state::with(|state| {
        state.unsettle(db, name.bytes());
        state.arm_for_work();
    });
}

/// Has the key of an entry that arrives marked stale end when its value does, whatever expiry it
/// came with.
pub(crate) fn end_marked(ctx: Ctx<'_>, name: Str<'_>) {
    let key = ctx.open(name, Mode::Peek);
    let Held::Entry(handle) = key.held() else {
        return;
    };
    let life = Life::of(Heap.entry(handle).header, key.end_ms(), None);
    drop(key);
    if life.mark_ms.is_none() || life.servable_until_ms() == life.end_ms {
        return;
    }
    let key = ctx.open(name, Mode::Write);
    if key.held() == Held::Entry(handle) {
        let kept = leases::kept_until_ms(handle);
        leases::set_ends(&key, handle, life.servable_until_ms(), kept);
    }
}

/// Gives a key an entry that knows the key's name, in place of the one it holds.
fn rebuild(ctx: Ctx<'_>, db: i32, name: Str<'_>, handle: Handle) {
    let key = ctx.open(name, Mode::Write);
    // Opened to be changed, a key may turn out to have expired just now.
    if key.held() != Held::Entry(handle) {
        return;
    }
    let entry = Heap.entry(handle);
    let tags: Vec<Box<[u8]>> =
        state::with(|state| state.index(db).tag_names(entry).map(Box::from).collect());
    let draft = Draft::copy_of(entry, name.bytes());
    // What can't be stored under the new name (a name of more than 4 GiB) stays unreachable.
    let _ = keyspace::store(db, &key, draft, tags.iter().map(|tag| &**tag), key.end_ms());
}

/// Somebody set or removed the expiry of a key. That is where its value ends from now on, unless it
/// is over; a mark still ends it earlier, and a lease keeps the key.
fn end_moved(ctx: Ctx<'_>, name: Str<'_>) {
    let key = ctx.open(name, Mode::Peek);
    let (held, key_end) = (key.held(), key.end_ms());
    let db = key.db().unwrap_or_else(|| ctx.db());
    drop(key);
    let Held::Entry(handle) = held else { return };
    let rare = state::with(|state| state.write_down(db, handle));
    // A rewritten AOF repeats the expiry that the entry brought with it.
    let repeated = rare
        .hold
        .is_some_and(|hold| key_end == Some(hold.key_end_ms));
    if rare == Rare::default() || repeated {
        return;
    }
    let key = ctx.open(name, Mode::Write);
    if key.held() != Held::Entry(handle) {
        return;
    }
    let kept = leases::kept_until_ms(handle);
    let flags = ctx.flags();
    // What is replayed was decided when it happened: if the value was over then, its removal follows.
    if flags.primary() && !flags.loading() && leases::is_hollow(handle) {
        key.set_end_ms(Some(kept.unwrap_or(0)));
        return state::with(|state| {
            state.hollow.push((db, name.bytes().into()));
            state.arm(0);
        });
    }
    let grace = Heap.entry(handle).header.grace_ms;
    let life = Life {
        end_ms: key_end,
        grace_ms: grace,
        mark_ms: rare.mark_ms,
    };
    leases::set_ends(&key, handle, life.servable_until_ms(), kept);
}

/// One database or all were emptied.
pub(crate) fn flushed(db: Option<i32>) {
    state::with(|state| {
        state.flush(db);
        state.arm_for_work();
    });
}

/// Two databases have changed places.
pub(crate) fn swapped(a: i32, b: i32) {
    state::with(|state| {
        state.swap(a, b);
        state.arm_for_work();
    });
}

/// This server has become a primary: it works off what is dead from now on, and its tokens must
/// be larger than those of the old one.
pub(crate) fn promoted() {
    state::with(|state| {
        let ahead = state.config.max_lease_time_ms;
        state.clock.jump_ahead(wall_us(), ahead);
        state.replica = false;
        state.strays = None;
        state.unsettled.extend(state.waiting.places(None));
        state.arm(1);
    });
}

/// This server has become a replica, or got another primary. If it was one itself, its leases end here: the new primary will not say when their
/// keys are written or removed. Nor will it remove their placeholders, and one that stays would be in
/// the way of a `RENAMENX` or `SET NX` of the new primary.
pub(crate) fn demoted() {
    state::with(|state| {
        if std::mem::replace(&mut state.replica, true) {
            return;
        }
        state.void_leases();
        state.strays = Some((0, Walk::new()));
        state.arm(0);
    });
}

/// Loading begins, or ends.
pub(crate) fn loading(source: Option<Source>) {
    state::with(|state| {
        if source == Some(Source::Primary) {
            // Placeholders that come from the primary are the primary's to remove.
            state.strays = None;
        }
        state.loading = source;
        state.arm_for_work();
    });
}

/// A connection was closed: the leases bound to it end.
pub(crate) fn client_gone(client: u64) {
    state::with(|state| {
        if let Some(given) = state.bound.remove(&client) {
            state.unheard.extend(given);
            state.arm(0);
        }
    });
}

/// The server goes round: what is loaded from now on is not found "at start".
pub(crate) fn running() {
    state::with(|state| {
        state.running = state.running || state.loading.is_none();
        state.expire_leases();
        state.check_alarm();
    });
}
