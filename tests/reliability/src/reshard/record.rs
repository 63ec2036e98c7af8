//! What was stored and invalidated when, and whether a value that was read may still be served.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Tags that everything is stored under.
pub(super) const TAGS: usize = 60;

/// Nobody knows whether it was stored, so nothing can be said about it.
const UNKNOWN: u64 = u64::MAX;
/// It was refused.
const REFUSED: u64 = 0;

/// What has happened so far. Times are microseconds since it began.
pub(super) struct Record {
    began: Instant,
    /// By writer: the state of affairs that each of its values is from, which is when storing it
    /// was confirmed, or for a fill, when its lease was granted.
    values: Vec<Mutex<Vec<u64>>>,
    /// By tag: when the last invalidation began that all primaries have confirmed.
    dead: [AtomicU64; TAGS],
    /// The same for being marked stale.
    stale: [AtomicU64; TAGS],
    pub(super) counts: Counts,
}

/// How much was done.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) reads: AtomicU64,
    pub(super) hits: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) filled: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) invalidated: AtomicU64,
    pub(super) unconfirmed: AtomicU64,
}

pub(super) fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// What had been invalidated and marked at a moment.
pub(super) struct Horizon {
    dead: [u64; TAGS],
    stale: [u64; TAGS],
}

/// What came of an attempt to store a value.
pub(super) enum Attempt {
    /// It is from a state of affairs of that time.
    Stored(u64),
    Refused,
    Unknown,
}

impl Record {
    pub(super) fn new(writers: usize) -> Self {
        Self {
            began: Instant::now(),
            values: (0..writers).map(|_| Mutex::default()).collect(),
            dead: [const { AtomicU64::new(0) }; TAGS],
            stale: [const { AtomicU64::new(0) }; TAGS],
            counts: Counts::default(),
        }
    }

    /// Now; never 0.
    pub(super) fn now(&self) -> u64 {
        1 + self.began.elapsed().as_micros() as u64
    }

    /// The name of the next value of a writer, under these tags.
    pub(super) fn name(&self, writer: usize, tags: &[usize]) -> String {
        let n = self.values[writer].lock().unwrap().len();
        let tags: Vec<_> = tags.iter().map(usize::to_string).collect();
        format!("{writer}.{n}.{}.", tags.join(","))
    }

    /// Notes what came of storing the value that was named last.
    pub(super) fn note(&self, writer: usize, attempt: &Attempt) {
        let from = match attempt {
            Attempt::Stored(from) => *from,
            Attempt::Refused => REFUSED,
            Attempt::Unknown => UNKNOWN,
        };
        self.values[writer].lock().unwrap().push(from);
    }

    /// All primaries have confirmed what began at `began`.
    pub(super) fn touched(&self, tag: usize, began: u64, dead: bool) {
        let tags = if dead { &self.dead } else { &self.stale };
        tags[tag].fetch_max(began, Ordering::SeqCst);
        add(&self.counts.invalidated);
    }

    /// To be taken before a read is sent.
    pub(super) fn horizon(&self) -> Horizon {
        let at = |times: &[AtomicU64; TAGS]| times.each_ref().map(|at| at.load(Ordering::SeqCst));
        Horizon {
            dead: at(&self.dead),
            stale: at(&self.stale),
        }
    }

    /// Checks a value that was read, `fresh` or not, after the horizon was taken.
    pub(super) fn check(&self, key: &str, value: &str, fresh: bool, before: &Horizon) {
        let (from, tags) = self.look_up(value);
        assert_ne!(
            from, REFUSED,
            "{key}: {value:.40} was refused, and is served"
        );
        for tag in tags {
            let (dead, stale) = (before.dead[tag], before.stale[tag]);
            assert!(
                from >= dead,
                "{key}: {value:.40}, from {from} us, is served though all primaries had confirmed \
                 an invalidation of tag {tag} that began at {dead} us"
            );
            assert!(
                !fresh || from >= stale,
                "{key}: {value:.40}, from {from} us, is served as fresh though all primaries had \
                 confirmed a mark of tag {tag} that began at {stale} us"
            );
        }
        add(&self.counts.hits);
    }

    fn look_up(&self, value: &str) -> (u64, Vec<usize>) {
        let mut parts = value.split('.');
        let mut next = || parts.next().expect("a value of this run");
        let (writer, n, tags) = (next(), next(), next());
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let values = self.values[number(writer)].lock().unwrap();
        // What is being stored right now has not been confirmed.
        let from = values.get(number(n)).copied().unwrap_or(UNKNOWN);
        (from, tags.split(',').map(number).collect())
    }
}
