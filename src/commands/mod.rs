//! One file per command: take apart what was asked, look, act, reply, replicate.

mod apply;
mod exists;
mod get;
mod getex;
pub(crate) mod getorlock;
mod info;
mod invalidate;
mod mget;
mod renew;
mod set;
mod settags;
mod stats;
mod taginfo;
mod taglist;
mod tags;
mod tagscan;
mod unlock;
mod verify;

use crate::raw::argv::Argv;
use crate::raw::block::Heap;
use crate::raw::ctx::{Ctx, now, unix_ms};
use crate::raw::key::{Held, Key};
use crate::raw::string::Str;
use crate::raw::timer;
use crate::state;
use larder_core::config::Config;
use larder_core::entry::{Arena, Entry, Handle, Life};
use larder_core::error::Error;
use larder_core::look::Look;

/// A call of a command.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) ctx: Ctx<'a>,
    pub(crate) argv: Argv<'a>,
}

/// What a command comes to: it has replied, or has changed nothing and fails.
pub(crate) type Outcome = Result<(), Error>;

/// A command's code.
pub(crate) type Handler = fn(Call<'_>) -> Outcome;

/// The code of each command, by name.
pub(crate) const HANDLERS: [(&str, Handler); 22] = [
    ("cache.set", set::run),
    ("cache.get", get::run),
    ("cache.mget", mget::run),
    ("cache.getex", getex::run),
    ("cache.exists", exists::run),
    ("cache.getorlock", getorlock::run),
    ("cache.renew", renew::run),
    ("cache.unlock", unlock::run),
    ("cache.settags", settags::run),
    ("cache.tags", tags::run),
    ("cache.invalidate", invalidate::invalidate),
    ("cache.markstale", invalidate::mark_stale),
    ("cache.info", info::run),
    ("cache.taginfo", taginfo::run),
    ("cache.tagscan", tagscan::run),
    ("cache.taglist", taglist::run),
    ("cache.stats", stats::run),
    ("cache.verify", verify::run),
    ("cache.applyset", apply::set),
    ("cache.applytags", apply::tags),
    ("cache.applyinvalidate", apply::invalidate),
    ("cache.applymarkstale", apply::mark_stale),
];

/// Runs a command and replies with its error, if it comes to one.
pub(crate) fn run(call: Call<'_>, handler: Handler) {
    if let Err(error) = handler(call) {
        call.ctx.reply_error(error);
    }
}

/// Says in the server's log that Larder has a bug.
pub(crate) fn log_bug() {
    timer::with_detached(|ctx| {
        ctx.log(c"warning", "Larder has run into a bug of its own. All tagged entries were declared dead. Please report it.");
    });
}

impl<'a> Call<'a> {
    /// The key of a command that has one, as its first argument.
    fn key(&self) -> Str<'a> {
        match self.argv.string(1) {
            Some(key) => key,
            None => unreachable!("the server checks the number of arguments"),
        }
    }

    /// The settings in force. (What was accepted once comes as an effect, which asks for none.)
    fn config(&self) -> Config {
        state::with(|state| state.config)
    }
}

/// An open key's entry.
///
/// # Errors
/// If the key holds a value of another type.
fn held(key: &Key<'_>) -> Result<Option<Handle>, Error> {
    match key.held() {
        Held::Nothing => Ok(None),
        Held::Entry(handle) => Ok(Some(handle)),
        Held::Other => Err(Error::WrongType),
    }
}

/// What an open key is at present.
fn look(db: i32, key: &Key<'_>, handle: Handle) -> Look {
    let (end, now) = (key.end_ms(), now());
    state::with(|state| state.look(db, handle, end, now))
}

/// Whether an open key's entry is plainly fresh: there is no mark and no lease to be looked at more
/// closely. Then a hit is counted. Almost all hits end here, so this does as little as can be
/// done. False decides nothing.
#[inline]
fn is_quick_hit(db: i32, key: &Key<'_>, handle: Handle) -> bool {
    let header = entry(handle).header;
    let has_time_left = || {
        let life = Life {
            end_ms: key.end_ms(),
            grace_ms: header.grace_ms,
            mark_ms: None,
        };
        life.fresh_until_ms().is_none_or(|until| until >= unix_ms())
    };
    // Without a grace it is fresh as long as the key is there.
    header.is_plain()
        && (header.grace_ms == 0 || has_time_left())
        && state::with(|state| state.hit(db, handle))
}

/// An open key's entry and what it is, if it has a value that may be served.
///
/// # Errors
/// If the key holds a value of another type.
fn servable(db: i32, key: &Key<'_>) -> Result<Option<(Handle, Look)>, Error> {
    let found = held(key)?.map(|handle| (handle, look(db, key, handle)));
    Ok(found.filter(|(_, look)| look.is_servable()))
}

/// An entry, for as long as nothing of the server is called that changes keys.
fn entry(handle: Handle) -> Entry<'static> {
    Heap.entry(handle)
}

/// How long ago an entry was stored, ms.
fn age_ms(entry: Entry<'_>) -> i64 {
    now().unix_ms.saturating_sub(entry.header.stored_ms).max(0)
}
