//! Giving memory back, and writing marks into entries: the work that invalidations leave behind.
//!
//! Only a primary removes entries; replicas follow. Removing is deleting: replicas, AOF, watchers,
//! trackers and subscribers are told, the first two in one `UNLINK` for many keys. (A former primary
//! removes the placeholders that only it knows of, and tells nobody.)

use crate::raw::block::Heap;
use crate::raw::ctx::{Ctx, mono_us, now};
use crate::raw::key::{Held, Mode};
use crate::raw::scan::Walk;
use crate::raw::string::{OwnStr, Str};
use crate::{keyspace, leases, replicate, state};
use larder_core::entry::{Arena, Handle};
use larder_core::index::Marked;

/// How many entries an invalidation removes before it replies, if it leaves more to do anyway. They
/// take about as long as everything else in the command.
const BEGINNING: usize = 16;

/// Keys named in one `UNLINK`.
const BATCH: usize = 128;

/// How much is to be done at most.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    /// Entries.
    pub(crate) entries: usize,
    /// Until when, on the clock of `mono_us`.
    pub(crate) until_us: u64,
}

impl Budget {
    /// What is done before an invalidation replies: everything, if no more than `most` entries wait.
    /// Else it can't be finished now, so it is only begun, and the reply is soon.
    pub(crate) fn inline(most: usize, waiting: usize) -> Self {
        let entries = if waiting <= most {
            most
        } else {
            most.min(BEGINNING)
        };
        Self {
            entries,
            until_us: u64::MAX,
        }
    }

    /// As many entries as fit into a slice of that length, from now.
    pub(crate) fn slice(us: u64) -> Self {
        Self {
            entries: usize::MAX,
            until_us: mono_us() + us,
        }
    }

    fn is_spent(&self, done: usize) -> bool {
        done >= self.entries || mono_us() >= self.until_us
    }
}

/// Removes dead entries of a database. Selects it.
pub(crate) fn dead(ctx: Ctx<'_>, db: i32, budget: Budget) {
    ctx.select(db);
    let (mut done, mut batch) = (0, Vec::new());
    while !budget.is_spent(done) {
        let Some(handle) = state::with(|state| state.index(db).next_dead()) else {
            break;
        };
        batch.extend(remove(ctx, db, handle));
        done += 1;
        if batch.len() == BATCH {
            replicate::unlink_all(ctx, &batch);
            batch.clear();
        }
    }
    replicate::unlink_all(ctx, &batch);
}

/// Removes the key of a dead entry, and returns its name if there was anything to remove.
fn remove(ctx: Ctx<'_>, db: i32, handle: Handle) -> Option<OwnStr> {
    let name = OwnStr::new(Heap.entry(handle).key());
    state::with(|state| {
        state.count(Some(handle), name.get().bytes(), |counters| {
            counters.entries_reclaimed += 1;
        });
    });
    let key = ctx.open(name.get(), Mode::Write);
    let found = key.held() == Held::Entry(handle);
    if found {
        key.unlink();
        ctx.notify(keyspace::GENERIC, c"del", name.get());
    }
    drop(key);
    // An expired key is removed by opening it. If the entry is listed even so, it is no key's
    // value, and must not be met again.
    state::with(|state| {
        if state.index(db).next_dead() == Some(handle) {
            state.detach(db, handle);
        }
    });
    found.then_some(name)
}

/// Removes the placeholders of a former primary, some at a time.
pub(crate) fn strays(ctx: Ctx<'_>) {
    let Some((mut db, mut walk)) = state::with(|state| state.strays.take()) else {
        return;
    };
    let budget = Budget::slice(state::with(|state| state.config.reclaim_slice_us));
    while !budget.is_spent(0) {
        if !ctx.select(db) {
            return;
        }
        let mut found = Vec::new();
        let more = walk.go_on(ctx, |name, handle| {
            if Heap.entry(handle).header.is_pending() {
                found.push(OwnStr::new(name));
            }
        });
        found.iter().for_each(|name| remove_stray(ctx, name.get()));
        if !more {
            (db, walk) = (db + 1, Walk::new());
        }
    }
    state::with(|state| state.strays = Some((db, walk)));
}

fn remove_stray(ctx: Ctx<'_>, name: Str<'_>) {
    let key = ctx.open(name, Mode::Write);
    if key.held() == Held::Nothing {
        // A replica does not open what has expired.
        drop(key);
        return ctx.remove_expired(name);
    }
    key.unlink();
}

/// Writes marks into the entries of a database. Selects it.
pub(crate) fn marks(ctx: Ctx<'_>, db: i32, budget: Budget) {
    ctx.select(db);
    let primary = ctx.flags().primary();
    let mut done = 0;
    while !budget.is_spent(done) {
        match state::with(|state| state.index(db).next_marked(&mut Heap)) {
            None => break,
            Some(Marked::Entry(handle)) if primary => shorten(ctx, db, handle),
            Some(Marked::Entry(_) | Marked::Nothing) => {}
        }
        done += 1;
    }
}

/// Has the key of a marked entry end when its value does: at once without a grace.
fn shorten(ctx: Ctx<'_>, db: i32, handle: Handle) {
    let name = OwnStr::new(Heap.entry(handle).key());
    let key = ctx.open(name.get(), Mode::Peek);
    if key.held() != Held::Entry(handle) {
        return;
    }
    let end = key.end_ms();
    drop(key);
    let look = state::with(|state| state.look(db, handle, end, now()));
    if !look.is_servable() {
        return keyspace::unlink(&ctx.open(name.get(), Mode::Write), ctx);
    }
    let until = look.life.servable_until_ms();
    if until.is_some() && until != look.life.end_ms {
        let key = ctx.open(name.get(), Mode::Write);
        // Opened to be changed, a key may turn out to have expired just now.
        if key.held() != Held::Entry(handle) {
            return;
        }
        leases::set_ends(&key, handle, until, leases::kept_until_ms(handle));
        replicate::expiry(ctx, name.get(), until);
    }
}
