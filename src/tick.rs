//! What is done when the timer fires: whatever has been put off, a little at a time.

use crate::raw::ctx::{Ctx, now};
use crate::raw::string::OwnStr;
use crate::reclaim::{self, Budget};
use crate::state::REST_MS;
use crate::{leases, state, waiters};
use larder_core::waiting::Place;

/// How often remembered tags are looked at while some lease still needs them, ms.
const SWEEP_EVERY_MS: u64 = 100;

/// The timer has fired.
pub(crate) fn tick(ctx: Ctx<'_>) {
    state::with(state::State::alarm_fired);
    if ctx.flags().loading() {
        // Loading ends with an event, which sets the timer again.
        return;
    }
    let (flags, calm) = (ctx.flags(), !ctx.avoids_traffic());
    // A replica that clients may write to has callers who wait, too.
    if flags.takes_writes() && calm {
        give_up_unheard(ctx);
        hollow_out(ctx);
        settle_all(ctx);
    }
    if !flags.takes_writes() {
        waiters::let_go_of_all();
    }
    // Who is due a lease gets it, even if this is the last moment of his patience.
    waiters::end_patience();
    if !flags.primary() {
        reclaim::strays(ctx);
    }
    work(ctx, flags.primary() && calm);
    rearm(ctx, calm);
}

/// Gives up leases whose holder is gone.
fn give_up_unheard(ctx: Ctx<'_>) {
    for given in state::with(|state| std::mem::take(&mut state.unheard)) {
        ctx.select(given.place.0);
        let name = OwnStr::new(&given.place.1);
        // A key of another type holds no lease, which is what was to be achieved.
        let _ = leases::unlock(ctx, name.get(), given.token, None);
    }
}

/// Removes values that are over and whose key was given a new expiry.
fn hollow_out(ctx: Ctx<'_>) {
    for (db, key) in state::with(|state| std::mem::take(&mut state.hollow)) {
        ctx.select(db);
        leases::hollow_out(ctx, OwnStr::new(&key).get());
    }
}

fn settle_all(ctx: Ctx<'_>) {
    let mut places: Vec<Place> = state::with(|state| {
        let mut places = std::mem::take(&mut state.unsettled);
        places.extend(state.waiting.due(now().mono_ms));
        places
    });
    places.sort_unstable();
    places.dedup();
    for place in places {
        waiters::settle(ctx, &place);
    }
}

fn work(ctx: Ctx<'_>, may_write: bool) {
    let (budget, dbs) = state::with(|state| {
        let dbs: Vec<i32> = state
            .indexes()
            .filter(|(_, index)| index.has_work())
            .map(|(db, _)| db)
            .collect();
        (Budget::slice(state.config.reclaim_slice_us), dbs)
    });
    for db in dbs {
        // While clients are paused a primary must not write; a replica's walk writes nothing.
        if may_write || !ctx.flags().primary() {
            reclaim::marks(ctx, db, budget);
        }
        if may_write {
            reclaim::dead(ctx, db, budget);
        }
        state::with(|state| {
            if state.sweep(db) {
                state.arm(1);
            }
        });
    }
}

/// How soon to look again while clients are paused, ms.
const PAUSED_MS: u64 = 20;

fn rearm(ctx: Ctx<'_>, calm: bool) {
    let (primary, takes_writes) = (ctx.flags().primary(), ctx.flags().takes_writes());
    let soon = if calm || !primary { 1 } else { PAUSED_MS };
    state::with(|state| {
        let unsettled = state.has_put_off();
        let busy = state
            .indexes()
            .any(|(_, index)| index.has_marks() || (primary && index.has_dead()));
        if unsettled && takes_writes {
            state.arm(soon);
        } else if busy || state.strays.is_some() {
            state.arm(soon.max(REST_MS));
        } else if state.indexes().any(|(_, index)| index.has_vacated()) {
            state.arm(SWEEP_EVERY_MS);
        }
        if let Some(due) = state.waiting.next_due_ms() {
            state.arm(due.saturating_sub(now().mono_ms).max(soon));
        }
    });
}
