//! Callers of `CACHE.GETORLOCK` who wait, and the answers they get.
//!
//! Whatever may end a wait (a fill, a lease that ends, a key that goes or comes) leads to
//! [`settle`], which asks the table of `CACHE.GETORLOCK` again for each waiter in turn, longest
//! first. So there is one rule for who gets what, waiting or not.

use crate::acl;
use crate::commands::getorlock;
use crate::leases::{self, Terms};
use crate::raw::argv::Argv;
use crate::raw::block::Heap;
use crate::raw::blocked::Blocked;
use crate::raw::ctx::{Ctx, now};
use crate::raw::key::{Held, Mode};
use crate::raw::string::{OwnStr, Str};
use crate::state::{self, State};
use larder_core::entry::Arena;
use larder_core::error::Error;
use larder_core::look::{Look, Outcome};
use larder_core::waiting::{self, Place};
use std::rc::Rc;

/// Answers given in one go; the rest get theirs in the server's next round, so that thousands do
/// not hold up everybody else (one costs the server about 12 microseconds).
const AT_ONCE: usize = 64;

/// A caller who waits.
pub(crate) struct Waiter {
    pub(crate) blocked: Blocked,
    pub(crate) only_fresh: bool,
    pub(crate) terms: Terms,
    pub(crate) deadline_ms: u64,
}

impl waiting::Waiter for Waiter {
    fn id(&self) -> u64 {
        self.blocked.id()
    }

    fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }
}

/// A lease that was given to somebody.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) place: Place,
    pub(crate) token: u64,
}

/// What a waiter is told.
pub(crate) struct Answer {
    reply: Reply,
    /// The lease that comes with it, until it has been told.
    untold: Option<Given>,
}

enum Reply {
    Value {
        stale: bool,
        value: Rc<[u8]>,
        token: Option<u64>,
    },
    Miss {
        token: u64,
    },
    Busy,
    Failed(Error),
}

impl Answer {
    fn new(reply: Reply) -> Self {
        Self {
            reply,
            untold: None,
        }
    }

    /// Tells it to whoever called with `argv`, unless he has lost the right to it meanwhile.
    pub(crate) fn deliver(&mut self, ctx: Ctx<'_>, argv: Argv<'_>) {
        if !acl::may_run(ctx, argv) {
            return ctx.reply_error(Error::NoKeyPermission);
        }
        self.untold = None;
        match &self.reply {
            Reply::Value {
                stale,
                value,
                token,
            } => getorlock::reply_value(ctx, *stale, value, *token),
            Reply::Miss { token } => getorlock::reply_miss(ctx, *token),
            Reply::Busy => getorlock::reply_busy(ctx),
            Reply::Failed(error) => ctx.reply_error(*error),
        }
    }
}

impl Drop for Answer {
    /// A lease whose receiver has gone before he was told is given up, lest everybody waits for
    /// nobody.
    fn drop(&mut self) {
        if let Some(given) = self.untold.take() {
            state::with(|state| {
                state.unheard.push(given);
                state.arm(0);
            });
        }
    }
}

/// Tells those whose patience has ended, some at a time.
pub(crate) fn end_patience() {
    give_up_overdue(now().mono_ms, || Reply::Busy);
}

/// Tells everybody, some at a time, that this server has become a replica, which grants no leases. Most
/// servers let go of those who wait by themselves; Valkey 9 does not if it is a node of a cluster.
pub(crate) fn let_go_of_all() {
    give_up_overdue(u64::MAX, || Reply::Failed(Error::Unblocked));
    state::with(|state| {
        if !state.waiting.is_empty() {
            state.arm(0);
        }
    });
}

fn give_up_overdue(mono_ms: u64, reply: impl Fn() -> Reply) {
    for _ in 0..AT_ONCE {
        let overdue = state::with(|state| {
            let id = state.waiting.overdue(mono_ms)?;
            give_up(state, id)
        });
        match overdue {
            Some(waiter) => waiter.blocked.answer(Answer::new(reply())),
            None => return,
        }
    }
}

/// A waiter is let go by `CLIENT UNBLOCK`, and has to be answered here and now. Whether it had not
/// been answered before.
pub(crate) fn let_go(ctx: Ctx<'_>, id: u64) -> bool {
    let waited = state::with(|state| give_up(state, id).is_some());
    getorlock::reply_busy(ctx);
    waited
}

/// Counts and forgets a waiter who gets nothing.
fn give_up(state: &mut State, id: u64) -> Option<Waiter> {
    let (_, key) = state.waiting.place(id)?;
    state.count(None, &key, |counters| {
        counters.waits_timed_out += 1;
        counters.busy += 1;
    });
    state.waiting.leave(id)
}

/// A waiter's connection is gone. Whether it had not been answered before.
pub(crate) fn disconnected(id: u64) -> bool {
    state::with(|state| state.waiting.leave(id).is_some())
}

/// [`settle`] for a key of the selected database, in the timer of this same round of the server.
/// Whether anybody waits.
///
/// Not now: of a transaction or script waiters see the end, not what is there in the middle of it.
/// And whoever is answered while commands run may be unblocked by one of them (`CLIENT UNBLOCK`)
/// before the answer is sent, and then gets none at all from Redis 7.0.
pub(crate) fn settle_soon(ctx: Ctx<'_>, name: Str<'_>) -> bool {
    state::with(|state| {
        let waits = state.unsettle(ctx.db(), name.bytes());
        if waits {
            state.arm(0);
        }
        waits
    })
}

/// Gives the waiters of a key what is theirs by now. The context's database is left selected.
pub(crate) fn settle(ctx: Ctx<'_>, place: &Place) {
    let waiting = state::with(|state| state.waiting.first(place).is_some());
    if !waiting {
        return;
    }
    ctx.select(place.0);
    let name = OwnStr::new(&place.1);
    let mut value = None;
    for _ in 0..AT_ONCE {
        let Some((id, only_fresh)) = next_to_answer(ctx, place, &name) else {
            return;
        };
        let answer = answer_for(ctx, place, &name, id, only_fresh, &mut value);
        let waiter = state::with(|state| state.waiting.leave(id));
        if let Some(waiter) = waiter {
            waiter.blocked.answer(answer);
        }
    }
    state::with(|state| {
        state.unsettled.push(place.clone());
        state.arm(0);
    });
}

/// The longest waiting whom the present state of the key has something for.
fn next_to_answer(ctx: Ctx<'_>, place: &Place, name: &OwnStr) -> Option<(u64, bool)> {
    let key = ctx.open(name.get(), Mode::Peek);
    let (held, end, now) = (key.held(), key.end_ms(), now());
    state::with(|state| {
        let look = match held {
            Held::Other => None,
            Held::Nothing => Some(Look::NOTHING),
            Held::Entry(handle) => Some(state.look(place.0, handle, end, now)),
        };
        let ready = |waiter: &&Waiter| {
            look.is_none_or(|look| look.outcome(waiter.only_fresh, false) != Outcome::Wait)
        };
        let found = state
            .waiting
            .queue(place)
            .find(ready)
            .map(|waiter| (waiter.blocked.id(), waiter.only_fresh));
        if found.is_none()
            && let Held::Entry(handle) = held
        {
            let again = leases::deadline_ms(handle).unwrap_or(now.mono_ms);
            state.waiting.look_again_at(place, again);
            state.arm(again.saturating_sub(now.mono_ms));
        }
        found
    })
}

fn answer_for(
    ctx: Ctx<'_>,
    place: &Place,
    name: &OwnStr,
    id: u64,
    only_fresh: bool,
    value: &mut Option<Rc<[u8]>>,
) -> Answer {
    let key = ctx.open(name.get(), Mode::Peek);
    let (held, end, now) = (key.held(), key.end_ms(), now());
    drop(key);
    let (look, handle) = match held {
        Held::Other => return Answer::new(Reply::Failed(Error::WrongType)),
        Held::Nothing => (Look::NOTHING, None),
        Held::Entry(handle) => (
            state::with(|state| state.look(place.0, handle, end, now)),
            Some(handle),
        ),
    };
    let outcome = look.outcome(only_fresh, false);
    getorlock::count(handle, &place.1, outcome, true);
    let stale = matches!(outcome, Outcome::Stale | Outcome::StaleAndLease);
    // The value as it is now: a grant, or somebody else before the reply is sent, may change it.
    let mut shared = || {
        value
            .get_or_insert_with(|| {
                handle.map_or(Rc::from(&[][..]), |h| Rc::from(Heap.entry(h).value()))
            })
            .clone()
    };
    match outcome {
        Outcome::Busy | Outcome::Wait => Answer::new(Reply::Busy),
        Outcome::Fresh | Outcome::FreshAndLease | Outcome::Stale => Answer::new(Reply::Value {
            stale,
            value: shared(),
            token: None,
        }),
        Outcome::StaleAndLease | Outcome::MissAndLease => {
            let value = stale.then(shared);
            grant(ctx, place, name, id, look, value)
        }
    }
}

fn grant(
    ctx: Ctx<'_>,
    place: &Place,
    name: &OwnStr,
    id: u64,
    look: Look,
    value: Option<Rc<[u8]>>,
) -> Answer {
    if !ctx.serves(name.get()) {
        return Answer::new(Reply::Busy);
    }
    let terms = state::with(|state| {
        state
            .waiting
            .queue(place)
            .find(|waiter| waiter.blocked.id() == id)
            .map(|waiter| waiter.terms)
    });
    let Some(terms) = terms else {
        return Answer::new(Reply::Busy);
    };
    match leases::grant(ctx, name.get(), look, terms) {
        Err(error) => Answer::new(Reply::Failed(error)),
        Ok(token) => Answer {
            reply: match value {
                Some(value) => Reply::Value {
                    stale: true,
                    value,
                    token: Some(token),
                },
                None => Reply::Miss { token },
            },
            untold: Some(Given {
                place: place.clone(),
                token,
            }),
        },
    }
}
