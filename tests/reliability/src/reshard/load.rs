//! Clients of a cluster that store, read, compute and invalidate all the time.

use std::thread;
use std::time::Duration;

use larder_test_support::{Random, Router, Running, show};
use redis::Value;

use super::record::{Attempt, Record, TAGS, add};

/// One client: who it is, and what all of them share.
pub(super) struct Worker<'a> {
    pub(super) router: Router,
    pub(super) random: Random,
    pub(super) record: &'a Record,
    pub(super) keys: &'a [String],
    /// Its number among those who store.
    pub(super) writer: usize,
}

/// How long to wait until somebody else may have become a primary.
const PAUSE: Duration = Duration::from_millis(10);

/// What a client does, time and again.
pub(super) type Job = fn(&mut Worker<'_>);

impl Worker<'_> {
    pub(super) fn work(mut self, job: Job, running: &Running) {
        // Whoever panics ends it for all.
        running.during(|| {
            while running.goes_on() {
                job(&mut self);
            }
        });
    }

    /// Writes a value through.
    pub(super) fn store(&mut self) {
        let (key, tags, options) = (self.key(), self.tags(), self.life());
        let (value, tags) = self.value(&tags);
        let words = format!("CACHE.SET {key} {value} {options} {tags}");
        let attempt = match self.router.run(&words) {
            Ok(Value::Okay) => Attempt::Stored(self.record.now()),
            Ok(other) => panic!("{words:.80} is answered {}", show(&other)),
            Err(_) => Attempt::Unknown,
        };
        self.record.note(self.writer, &attempt);
        add(&self.record.counts.stored);
    }

    /// Reads a value, and computes it if that is this client's to do.
    pub(super) fn fill(&mut self) {
        let key = self.key();
        let before = self.record.horizon();
        let words = format!("CACHE.GETORLOCK {key} LEASE 2000 WAIT 100");
        let Ok(reply) = self.router.run(&words) else {
            return;
        };
        let granted = self.record.now();
        let Value::Array(reply) = reply else {
            panic!("{words} is answered {}", show(&reply));
        };
        add(&self.record.counts.reads);
        if reply[1] != Value::Nil {
            let fresh = show(&reply[0]) == "fresh";
            self.record.check(&key, &show(&reply[1]), fresh, &before);
        }
        if let Value::Int(token) = reply[2] {
            self.compute(&key, token, granted);
        }
    }

    fn compute(&mut self, key: &str, token: i64, granted: u64) {
        thread::sleep(Duration::from_micros(self.random.below(4_000) as u64));
        let (tags, options) = (self.tags(), self.life());
        let (value, tags) = self.value(&tags);
        let words = format!("CACHE.SET {key} {value} {options} TOKEN {token} {tags}");
        let attempt = match self.router.run(&words) {
            Ok(Value::Okay) => {
                add(&self.record.counts.filled);
                Attempt::Stored(granted)
            }
            Ok(Value::Nil) => {
                add(&self.record.counts.refused);
                Attempt::Refused
            }
            Ok(other) => panic!("{words:.80} is answered {}", show(&other)),
            Err(_) => Attempt::Unknown,
        };
        self.record.note(self.writer, &attempt);
    }

    pub(super) fn read(&mut self) {
        let (key, fresh) = (self.key(), self.random.below(2) == 0);
        let before = self.record.horizon();
        let stale = if fresh { "" } else { "STALE" };
        match self.router.run(&format!("CACHE.GET {key} {stale}")) {
            Ok(Value::Nil) | Err(_) => {}
            Ok(value) => self.record.check(&key, &show(&value), fresh, &before),
        }
        add(&self.record.counts.reads);
    }

    /// Invalidates a tag everywhere, or marks it stale, each confirmed by a replica.
    pub(super) fn invalidate(&mut self) {
        let (tag, dead) = (self.random.below(TAGS), self.random.below(4) > 0);
        let command = if dead { "INVALIDATE" } else { "MARKSTALE" };
        let began = self.record.now();
        match self
            .router
            .try_everywhere(&format!("CACHE.{command} {tag}"), 1)
        {
            Ok(_) => self.record.touched(tag, began, dead),
            Err(_) => {
                add(&self.record.counts.unconfirmed);
                thread::sleep(PAUSE);
            }
        }
    }

    fn key(&mut self) -> String {
        self.random.pick(self.keys).clone()
    }

    fn tags(&mut self) -> Vec<usize> {
        let count = 1 + self.random.below(3);
        (0..count).map(|_| self.random.below(TAGS)).collect()
    }

    /// The next value, now and then a big one that takes its time on the way, and its tags.
    fn value(&mut self, tags: &[usize]) -> (String, String) {
        let padding = *self.random.pick(&[10, 10, 10, 1_000, 50_000]);
        let mut value = self.record.name(self.writer, tags);
        value.extend(std::iter::repeat_n('x', padding));
        let names: Vec<_> = tags.iter().map(usize::to_string).collect();
        (value, format!("TAGS {} {}", names.len(), names.join(" ")))
    }

    fn life(&mut self) -> &'static str {
        let lives = ["", "PX 60000 PGRACE 60000", "PX 300 PGRACE 60000", "PX 500"];
        lives[self.random.below(lives.len())]
    }
}
