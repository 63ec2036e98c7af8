//! The record of a storm: what was asked, when, and what came of it.
//!
//! Every operation has a span: it took effect at some moment after its command was sent and before
//! its reply was there, if it took effect at all. One monotonic clock times all of them.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::AddAssign;
use std::path::Path;

/// Nanoseconds since the storm began.
pub(crate) type Time = u64;

/// Nanoseconds in a millisecond.
pub(crate) const MS: Time = 1_000_000;

/// From the sending of a command to its reply.
///
/// Where the reply was lost with the connection, the end is when the client had found a server
/// again: the old one was dead by then, or had given up its office.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) began: Time,
    pub(crate) ended: Time,
}

impl Span {
    /// Whether it lies before the other one, entirely.
    pub(crate) fn precedes(self, other: Self) -> bool {
        self.ended < other.began
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [began, ended] = [self.began, self.ended].map(|time| time as f64 / MS as f64);
        write!(f, "[{began:.3}, {ended:.3}]")
    }
}

/// What the server said to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has taken effect.
    Done,
    /// It has had no effect and never will.
    Refused,
    /// The connection broke before the reply: nobody knows.
    Lost,
}

/// A change: when, with what outcome, and since when it is known to be on the replica.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    pub(crate) span: Span,
    pub(crate) outcome: Outcome,
    /// When `WAIT` said so, if it did.
    pub(crate) replicated: Option<Time>,
}

impl Deed {
    /// Whether it may have had an effect.
    pub(crate) fn is_possible(&self) -> bool {
        self.outcome != Outcome::Refused
    }

    /// Whether it has had its effect.
    pub(crate) fn is_done(&self) -> bool {
        self.outcome == Outcome::Done
    }
}

/// One of a few keys.
pub(crate) type Key = usize;

/// How many keys there are.
pub(crate) const KEYS: usize = 8;

/// How many tags there are.
pub(crate) const TAGS: usize = 4;

/// A set of tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags(pub(crate) u8);

impl Tags {
    pub(crate) fn of(tags: &[usize]) -> Self {
        Self(tags.iter().fold(0, |set, tag| set | 1 << tag))
    }

    pub(crate) fn has(self, tag: usize) -> bool {
        self.0 >> tag & 1 == 1
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..TAGS).filter(move |tag| self.has(*tag))
    }
}

/// The names, as they follow a command.
impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|tag| write!(f, " t{tag}"))
    }
}

/// A value, which no other store has, and which says what it was stored with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) number: usize,
    pub(crate) key: Key,
    pub(crate) tags: Tags,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.number, self.key, self.tags.0)
    }
}

impl Value {
    /// Reads what `Display` wrote.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(text).ok()?.split(':');
        Some(Self {
            number: parts.next()?.parse().ok()?,
            key: parts.next()?.parse().ok()?,
            tags: Tags(parts.next()?.parse().ok()?),
        })
    }
}

/// `CACHE.SET`; with a token it fills a lease.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store {
    pub(crate) deed: Deed,
    pub(crate) value: Value,
    pub(crate) token: Option<u64>,
}

/// A value that was returned, by whatever command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) span: Span,
    pub(crate) key: Key,
    pub(crate) value: Value,
    pub(crate) fresh: bool,
    pub(crate) on_replica: bool,
}

/// `CACHE.INVALIDATE` or `CACHE.MARKSTALE`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Touch {
    pub(crate) deed: Deed,
    pub(crate) tags: Tags,
    pub(crate) marks: bool,
}

/// `DEL`, or `FLUSHALL` where no key is named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Removal {
    pub(crate) deed: Deed,
    pub(crate) key: Option<Key>,
}

/// `RENAME` or `COPY`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) deed: Deed,
    pub(crate) from: Key,
    pub(crate) to: Key,
    pub(crate) copies: bool,
}

impl Move {
    /// Whether the key has lost its value by it, or got another.
    pub(crate) fn displaces(&self, key: Key) -> bool {
        self.to == key || (self.from == key && !self.copies)
    }
}

/// `CACHE.SETTAGS`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retag {
    pub(crate) deed: Deed,
    pub(crate) key: Key,
    pub(crate) tags: Tags,
}

/// A lease that was granted by `CACHE.GETORLOCK`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) span: Span,
    pub(crate) key: Key,
    pub(crate) token: u64,
    pub(crate) lease: Time,
    /// Whether the key may hold a value meanwhile, whose death would end the lease.
    pub(crate) on_value: bool,
}

/// A call of `CACHE.GETORLOCK` without a reply: a lease may have been granted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unheard {
    pub(crate) span: Span,
    pub(crate) key: Key,
    pub(crate) lease: Time,
}

/// `CACHE.RENEW`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Renewal {
    pub(crate) deed: Deed,
    pub(crate) token: u64,
    pub(crate) lease: Time,
}

/// `CACHE.UNLOCK`, or the end of the connection that a lease was bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Release {
    pub(crate) deed: Deed,
    pub(crate) key: Key,
    pub(crate) token: u64,
    pub(crate) backoff: Time,
}

/// A call of `CACHE.GETORLOCK` that may have waited, or was told to go away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) span: Span,
    pub(crate) key: Key,
    pub(crate) wait: Time,
    pub(crate) busy: bool,
    /// How much of the time the asking thread was ready but not let run.
    pub(crate) off_cpu: Time,
}

/// What can be done to the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breakage {
    /// `SIGKILL` and a new start with the AOF.
    Crash,
    /// `SIGKILL`, and the replica takes over for good.
    Failover,
    /// `SIGSTOP` for a moment.
    Freeze,
    /// `DEBUG RELOAD`.
    Reload,
    /// `BGREWRITEAOF`.
    Rewrite,
    /// `CONFIG SET` of limits, and back.
    Limits,
}

/// Something that was done to the servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) breakage: Breakage,
}

impl Fault {
    /// Whether no lease outlives it.
    pub(crate) fn ends_leases(&self) -> bool {
        use Breakage::{Crash, Failover, Reload};
        matches!(self.breakage, Crash | Failover | Reload)
    }
}

/// All that happened, in no particular order.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) stores: Vec<Store>,
    pub(crate) reads: Vec<Read>,
    pub(crate) touches: Vec<Touch>,
    pub(crate) removals: Vec<Removal>,
    pub(crate) moves: Vec<Move>,
    pub(crate) retags: Vec<Retag>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) unheard: Vec<Unheard>,
    pub(crate) renewals: Vec<Renewal>,
    pub(crate) releases: Vec<Release>,
    pub(crate) asks: Vec<Ask>,
    pub(crate) faults: Vec<Fault>,
    /// Between two answers to one who asks for nothing, again and again: how slow server and
    /// machine were.
    pub(crate) pauses: Vec<Span>,
}

impl AddAssign for History {
    fn add_assign(&mut self, other: Self) {
        self.stores.extend(other.stores);
        self.reads.extend(other.reads);
        self.touches.extend(other.touches);
        self.removals.extend(other.removals);
        self.moves.extend(other.moves);
        self.retags.extend(other.retags);
        self.grants.extend(other.grants);
        self.unheard.extend(other.unheard);
        self.renewals.extend(other.renewals);
        self.releases.extend(other.releases);
        self.asks.extend(other.asks);
        self.faults.extend(other.faults);
        self.pauses.extend(other.pauses);
    }
}

impl History {
    /// Writes everything down in order of time, one operation a line, for whoever has to find out.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut lines = Vec::new();
        note(&mut lines, &self.stores, |it| it.deed.span);
        note(&mut lines, &self.reads, |it| it.span);
        note(&mut lines, &self.touches, |it| it.deed.span);
        note(&mut lines, &self.removals, |it| it.deed.span);
        note(&mut lines, &self.moves, |it| it.deed.span);
        note(&mut lines, &self.retags, |it| it.deed.span);
        note(&mut lines, &self.grants, |it| it.span);
        note(&mut lines, &self.unheard, |it| it.span);
        note(&mut lines, &self.renewals, |it| it.deed.span);
        note(&mut lines, &self.releases, |it| it.deed.span);
        note(&mut lines, &self.asks, |it| it.span);
        note(&mut lines, &self.faults, |it| it.span);
        lines.sort();
        let mut file = BufWriter::new(File::create(path)?);
        lines
            .iter()
            .try_for_each(|(_, line)| writeln!(file, "{line}"))?;
        file.flush()
    }
}

fn note<T: fmt::Debug>(lines: &mut Vec<(Time, String)>, list: &[T], span: impl Fn(&T) -> Span) {
    lines.extend(list.iter().map(|it| (span(it).began, format!("{it:?}"))));
}
