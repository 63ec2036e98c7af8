//! The module's one state, and what every part of the shell does with it.
//!
//! Borrow it with [`with`], decide, give it back, then act: a call into the server may call us back
//! (`unlink`, notifications), so no borrow lasts across one that changes anything.

use crate::events::Source;
use crate::leases;
use crate::raw::block::{Block, Heap};
use crate::raw::main_thread::MainThread;
use crate::raw::scan::Walk;
use crate::raw::{ctx, timer};
use crate::waiters::{Given, Waiter};
use larder_core::clock::{Clock, Now};
use larder_core::config::Config;
use larder_core::entry::{Arena, Draft, Handle, Rare, Realm};
use larder_core::error::Error;
use larder_core::index::{Index, Retention, Stamp, Verdict};
use larder_core::lease::Leases;
use larder_core::look::Look;
use larder_core::stats::{self, Counters, Field, Gauges, Slot, Stats};
use larder_core::waiting::{Place, Waiting};
use std::collections::HashMap;

static STATE: MainThread<State> = MainThread::empty();

/// How long the past of a tag that nothing carries is kept in cluster mode, where entries may
/// still arrive that were stored before it: longer than any slot is likely to take to move.
const CLUSTER_MEMORY_MS: u64 = 600_000;

/// Everything the module knows besides the entries themselves.
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) stats: Stats,
    pub(crate) leases: Leases,
    /// Leases that end with a connection, by client id.
    pub(crate) bound: HashMap<u64, Vec<Given>>,
    pub(crate) waiting: Waiting<Waiter>,
    /// Keys whose waiters are to be looked after.
    pub(crate) unsettled: Vec<Place>,
    /// Leases whose receiver was gone before he heard of it.
    pub(crate) unheard: Vec<Given>,
    /// Keys whose expiry was set when their value was over, and only a lease kept them.
    pub(crate) hollow: Vec<Place>,
    /// It was told so; a server that starts as a replica need not be.
    pub(crate) replica: bool,
    /// On a former primary: the database whose placeholders are being removed, and how far.
    pub(crate) strays: Option<(i32, Walk)>,
    /// Where the data being loaded comes from.
    pub(crate) loading: Option<Source>,
    /// An entry was read from a payload, and may be about to become a key's value.
    pub(crate) just_loaded: bool,
    /// The database whose key is just being copied or moved to another.
    pub(crate) carried_from: Option<i32>,
    /// Whether the server has begun to serve: what is loaded later is not found "at start".
    pub(crate) running: bool,
    pub(crate) cluster: bool,
    indexes: Vec<Index>,
    realms: u32,
    /// When the next timer fires (monotonic ms), and its number.
    alarm: Option<(u64, u64)>,
}

/// Borrows the state. Not to be nested.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&mut State) -> R) -> R {
    STATE.with(State::new, f)
}

/// After a bug: nobody knows what is true any more, so everything cached counts as dead and every
/// lease as void.
pub(crate) fn start_over() {
    with(|state| {
        let now = state.clock.last();
        for db in 0..state.indexes.len() {
            state.renew(number(db));
            state.indexes[db].raise_floor(now);
        }
        state.unsettled.extend(state.waiting.places(None));
    });
}

impl State {
    fn new() -> Self {
        let config = Config::default();
        Self {
            clock: Clock::default(),
            config,
            stats: Stats::new(config.stats_depth, config.stats_prefixes),
            leases: Leases::default(),
            bound: HashMap::new(),
            waiting: Waiting::default(),
            unsettled: Vec::new(),
            unheard: Vec::new(),
            hollow: Vec::new(),
            replica: false,
            strays: None,
            loading: None,
            just_loaded: false,
            carried_from: None,
            running: false,
            cluster: false,
            indexes: Vec::new(),
            realms: 0,
            alarm: None,
        }
    }

    /// The index of a database.
    pub(crate) fn index(&mut self, db: i32) -> &mut Index {
        let db = position(db);
        while self.indexes.len() <= db {
            self.realms += 1;
            self.indexes.push(Index::new(Realm(self.realms)));
        }
        &mut self.indexes[db]
    }

    /// All indexes, with the number of their database.
    pub(crate) fn indexes(&mut self) -> impl Iterator<Item = (i32, &mut Index)> {
        self.indexes
            .iter_mut()
            .enumerate()
            .map(|(db, index)| (number(db), index))
    }

    /// Forgets everything about one database or all. Whoever waits there is to be looked after.
    pub(crate) fn flush(&mut self, db: Option<i32>) {
        let all = 0..number(self.indexes.len());
        for db in all.filter(|each| db.is_none_or(|db| db == *each)) {
            self.renew(db);
        }
        self.unsettled.extend(self.waiting.places(db));
    }

    /// The server runs in cluster mode. If it was there before, it does not know what it has been told.
    pub(crate) fn join_cluster(&mut self, known_nodes: usize) {
        self.cluster = true;
        if known_nodes > 1 {
            let now = self.clock.tick(ctx::wall_us());
            self.index(0).raise_floor(now);
        }
    }

    /// Two databases change places.
    pub(crate) fn swap(&mut self, a: i32, b: i32) {
        self.index(a.max(b));
        self.indexes.swap(position(a), position(b));
        for db in [a, b] {
            self.index(db).begin_era();
            self.unsettled.extend(self.waiting.places(Some(db)));
        }
    }

    /// Ends all leases, wherever they are.
    pub(crate) fn void_leases(&mut self) {
        self.indexes.iter_mut().for_each(Index::begin_era);
        self.leases = Leases::default();
        self.bound.clear();
        self.unheard.clear();
        self.hollow.clear();
        self.unsettled.clear();
    }

    /// Puts an empty index in place of a database's. Dropping a large one takes a while, and
    /// touches nothing else.
    fn renew(&mut self, db: i32) {
        self.realms += 1;
        let mut fresh = Index::new(Realm(self.realms));
        if self.cluster {
            // Entries may yet arrive that were invalidated before.
            fresh.raise_floor(self.clock.tick(ctx::wall_us()));
        }
        let old = std::mem::replace(self.index(db), fresh);
        self.leases.forget_all(old.realm());
        if old.heap_bytes() < LARGE {
            return;
        }
        // If no thread can be had, the closure, and the index with it, is dropped here and now.
        let _ = std::thread::Builder::new()
            .name("larder-drop".into())
            .spawn(move || drop(old));
    }

    /// A moment to stamp an event with.
    pub(crate) fn stamp(&mut self) -> Stamp {
        Stamp {
            epoch: self.clock.tick(ctx::wall_us()),
            // By the clock that it will be compared with: the server's.
            ms: ctx::unix_ms(),
        }
    }

    /// What has to be remembered of tags nothing carries.
    pub(crate) fn retention(&mut self) -> Retention {
        self.expire_leases();
        let now_us = ctx::wall_us();
        let since = now_us.saturating_sub(CLUSTER_MEMORY_MS * 1_000);
        Retention {
            oldest_lease: self.leases.oldest(),
            since: self.cluster.then_some(larder_core::clock::Epoch(since)),
        }
    }

    /// Lists an entry with the database whose key it now is, if it is not listed there already.
    pub(crate) fn attach(&mut self, db: i32, handle: Handle) {
        let mut heap = Heap;
        let mut entry = heap.entry_mut(handle);
        let home = self.index(db).realm();
        if self.index(db).is_attached(entry.as_ref()) {
            return;
        }
        let realm = entry.header.realm();
        if entry.header.is_tagged() && realm != home {
            let old = self.indexes.iter().find(|index| index.realm() == realm);
            let names: Vec<Box<[u8]>> = old.map_or(Vec::new(), |old| {
                old.tag_names(entry.as_ref()).map(Box::from).collect()
            });
            self.index(db).adopt(&mut entry, &names);
        }
        let epoch = self.clock.tick(ctx::wall_us());
        self.index(db).attach(&mut Heap, handle, epoch);
    }

    /// Unlists an entry whose key is removed or gets another value; its lease ends.
    pub(crate) fn detach(&mut self, db: i32, handle: Handle) {
        self.end_lease(handle);
        self.index(db).detach(&mut Heap, handle);
    }

    /// Ends the lease of an entry, and any backoff.
    pub(crate) fn end_lease(&mut self, handle: Handle) {
        let deadline = leases::deadline_ms(handle);
        let Some(token) = Heap.entry_mut(handle).header.strip_lease() else {
            return;
        };
        // The key's expiry, on the wall clock, may come a ms before the lease's end.
        let ran_out = deadline.is_some_and(|deadline| deadline <= ctx::now().mono_ms + 1);
        if self.leases.forget(token) && ran_out {
            let slot = Heap.entry(handle).header.stats;
            self.stats
                .record(slot, |counters| counters.leases_expired += 1);
        }
    }

    /// Has a lease end with a connection. A connection that lives long may have had many: those that
    /// have ended are forgotten whenever their number has doubled.
    pub(crate) fn bind(&mut self, client: u64, given: Given) {
        let bound = self.bound.entry(client).or_default();
        if bound.len() >= FEW_LEASES && bound.len().is_power_of_two() {
            bound.retain(|given| self.leases.is_out(given.token));
        }
        bound.push(given);
    }

    /// Notices leases that have run out.
    pub(crate) fn expire_leases(&mut self) {
        let expired = self.leases.expire(ctx::now().mono_ms);
        self.stats
            .record_unkeyed(|counters| counters.leases_expired += expired);
    }

    /// The database whose index lists an entry; 0 if none does.
    pub(crate) fn db_of(&self, handle: Handle) -> i32 {
        let realm = Heap.entry(handle).header.realm();
        self.indexes
            .iter()
            .position(|index| index.realm() == realm)
            .map_or(0, number)
    }

    /// Writes what an entry's tags say of it into the entry, and returns its rare part.
    pub(crate) fn write_down(&mut self, db: i32, handle: Handle) -> Rare {
        self.attach(db, handle);
        self.index(db).write_down(&mut Heap.entry_mut(handle));
        Heap.entry(handle)
            .header
            .rare
            .as_deref()
            .cloned()
            .unwrap_or_default()
    }

    /// Whether an entry lives, going by its tags.
    pub(crate) fn judge(&mut self, db: i32, handle: Handle) -> Verdict {
        self.attach(db, handle);
        self.index(db).judge(&mut Heap.entry_mut(handle))
    }

    /// Counts a hit of an entry that is fresh if its tags say nothing else. If they do, or the entry is
    /// not listed yet, nothing is counted nor decided.
    #[inline]
    pub(crate) fn hit(&mut self, db: i32, handle: Handle) -> bool {
        let mut heap = Heap;
        let mut entry = heap.entry_mut(handle);
        let index = self.indexes.get(position(db));
        index.is_some_and(|index| {
            index.is_attached(entry.as_ref()) && index.judge(&mut entry) == Verdict::Alive
        }) && self.stats.hit(entry.header.stats)
    }

    /// What an entry is, given its key's expiry.
    pub(crate) fn look(&mut self, db: i32, handle: Handle, end_ms: Option<i64>, now: Now) -> Look {
        let verdict = self.judge(db, handle);
        Look::at(
            Heap.entry(handle),
            verdict,
            end_ms,
            self.index(db).era(),
            now,
        )
    }

    /// Makes an entry for a key of a database, with the given tags.
    pub(crate) fn make<'t>(
        &mut self,
        db: i32,
        mut draft: Draft<'_>,
        tags: impl Iterator<Item = &'t [u8]>,
    ) -> Result<Block, Error> {
        draft.stats = self.stats.resolve(draft.stats, draft.key);
        let index = self.index(db);
        draft.realm = index.realm();
        draft.tags = tags.map(|tag| index.intern(tag)).collect();
        Ok(Block::new(draft.into_parts()?))
    }

    /// Counts an event of a key that may have an entry.
    pub(crate) fn count(
        &mut self,
        handle: Option<Handle>,
        key: &[u8],
        event: impl Fn(&mut Counters),
    ) {
        let Some(handle) = handle else {
            let slot = self.stats.resolve(Slot::NONE, key);
            return self.stats.record(slot, event);
        };
        let slot = self.stats.resolve(Heap.entry(handle).header.stats, key);
        Heap.entry_mut(handle).header.stats = slot;
        self.stats.record(slot, event);
    }

    /// Forgets tags of a database that nobody needs any more, some at a time. Whether there may be
    /// more of them.
    pub(crate) fn sweep(&mut self, db: i32) -> bool {
        let keep = self.retention();
        self.index(db).sweep(keep, SWEEP) == SWEEP
    }

    /// What the index is made of at present, all databases together, after some tidying.
    fn gauges(&mut self) -> Gauges {
        for db in 0..number(self.indexes.len()) {
            self.sweep(db);
        }
        let sum = |of: fn(&Index) -> usize| self.indexes.iter().map(of).sum::<usize>() as u64;
        Gauges {
            entries: sum(Index::entries),
            tags: sum(Index::carried_tags),
            entries_dead: sum(Index::dead),
            index_bytes: sum(Index::heap_bytes),
        }
    }

    /// Everything counted and measured, for the whole server.
    pub(crate) fn report(&mut self) -> Vec<Field> {
        let gauges = self.gauges();
        stats::fields(self.stats.total(), Some(&gauges))
    }

    /// Has the waiters of a key looked after soon. Whether there are any.
    pub(crate) fn unsettle(&mut self, db: i32, key: &[u8]) -> bool {
        let waits = self.waiting.count(db, key) > 0;
        if waits {
            self.unsettled.push((db, key.into()));
        }
        waits
    }

    /// Makes sure a timer fires in `delay_ms` at the latest.
    pub(crate) fn arm(&mut self, delay_ms: u64) {
        let due = ctx::now().mono_ms + delay_ms;
        if self.alarm.is_none_or(|(at, _)| due < at) {
            // One timer at a time: each that fires sets the next.
            self.stop_alarm();
            self.alarm = Some((due, timer::start(delay_ms)));
        }
    }

    /// Whether keys wait for the next tick.
    pub(crate) fn has_put_off(&self) -> bool {
        !(self.unsettled.is_empty() && self.unheard.is_empty() && self.hollow.is_empty())
    }

    /// Makes sure a timer fires in time if something is left to do.
    pub(crate) fn arm_for_work(&mut self) {
        if self.has_put_off() {
            self.arm(0);
        } else if self
            .indexes
            .iter()
            .any(|index| index.has_dead() || index.has_marks())
        {
            self.arm(REST_MS);
        } else if self.indexes.iter().any(Index::has_vacated) {
            self.arm(SWEEP_AFTER_MS);
        }
    }

    /// Sets the timer anew if it is overdue: the server's timers go by the wall clock, which may have
    /// been set back.
    pub(crate) fn check_alarm(&mut self) {
        let now = ctx::now().mono_ms;
        if self.alarm.is_some_and(|(at, _)| at + OVERDUE_MS < now) {
            self.stop_alarm();
            self.arm(0);
        }
    }

    fn stop_alarm(&mut self) {
        if let Some((_, timer)) = self.alarm.take() {
            timer::stop(timer);
        }
    }

    /// A timer has fired.
    pub(crate) fn alarm_fired(&mut self) {
        self.alarm = None;
    }
}

/// Where the index of a database stands.
fn position(db: i32) -> usize {
    usize::try_from(db).unwrap_or(0)
}

/// The database whose index stands there.
fn number(position: usize) -> i32 {
    i32::try_from(position).unwrap_or(0)
}

/// So many leases of a connection are kept without asking whether they have ended.
const FEW_LEASES: usize = 16;

/// A timer that late does not come, ms.
const OVERDUE_MS: u64 = 1_000;

/// How long others have the server to themselves between two slices of work, ms. (A slice takes half
/// a ms unless it is set otherwise, so they have four fifths of its time.)
pub(crate) const REST_MS: u64 = 2;

/// How soon a tag that nothing carries any more is looked at, ms.
const SWEEP_AFTER_MS: u64 = 10;
/// Tags looked at in one go, to be forgotten.
const SWEEP: usize = 1_000;

/// Above this many bytes an index is dropped by another thread.
const LARGE: usize = 1 << 20;
