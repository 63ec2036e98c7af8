//! One of many who use a few keys at random, and write down what comes of it.

mod leases;

use super::history::{
    Deed, History, KEYS, Key, Move, Outcome, Read, Removal, Retag, Span, Store, TAGS, Tags, Time,
    Touch, Value,
};
use super::world::{Link, World};
use larder_test_support::{Client, Random, show};
use leases::Held;
use redis::Value as Reply;
use std::fs::File;
use std::ops::Range;

/// Keys that are seldom disturbed, so that callers have something to wait for.
const CALM: Range<Key> = 3..5;

/// Keys between which values move.
const TRAVELLERS: Range<Key> = 5..KEYS;

/// A user.
pub(crate) struct User<'w> {
    world: &'w World,
    link: Link<'w>,
    replica: Option<Client>,
    random: Random,
    held: Vec<Held>,
    history: History,
    /// What the kernel knows about this thread.
    thread: Option<File>,
}

impl<'w> User<'w> {
    /// A user who runs in this thread.
    pub(crate) fn new(world: &'w World, seed: u64) -> Self {
        Self {
            world,
            link: Link::new(world),
            replica: world.connect_replica(),
            random: Random::new(seed),
            held: Vec::new(),
            history: History::default(),
            thread: File::open("/proc/thread-self/schedstat").ok(),
        }
    }

    /// Goes on until the storm is over.
    pub(crate) fn run(mut self) -> History {
        while self.world.goes_on() {
            self.held
                .iter_mut()
                .for_each(|held| held.due = held.due.saturating_sub(1));
            match self.held.iter().position(|held| held.due == 0) {
                Some(ready) => {
                    let held = self.held.swap_remove(ready);
                    self.end_lease(&held);
                }
                None => self.act(),
            }
        }
        // Leases are bound to this connection, and others may still be waiting for them.
        self.hang_up();
        self.history
    }

    fn act(&mut self) {
        let key = self.random.below(KEYS);
        if CALM.contains(&key) {
            return self.act_calmly(key);
        }
        match self.random.below(1_000) {
            0..200 => self.get(key),
            200..260 => self.mget(),
            260..330 => self.get_from_replica(key),
            330..550 => self.get_or_lock(key),
            550..680 => self.store(key),
            680..720 => self.retag(key),
            720..770 => self.touch(false),
            770..800 => self.touch(true),
            800..830 => self.delete(key),
            830..870 => self.travel(),
            870..890 => self.expire(key),
            890 if self.one_in(30) => self.flush(),
            891 => self.hang_up(),
            _ => self.get(key),
        }
    }

    fn act_calmly(&mut self, key: Key) {
        match self.random.below(1_000) {
            0..500 => self.get_or_lock(key),
            500..502 => self.delete(key),
            502 => self.store(key),
            503..600 => self.get_from_replica(key),
            _ => self.get(key),
        }
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.random.below(n) == 0
    }

    /// Runs a change; `done` tells by the reply whether it has had an effect.
    fn change(&mut self, line: &str, done: impl Fn(&Reply) -> bool) -> Deed {
        let (span, reply) = self.link.run(line);
        let outcome = match &reply {
            None => Outcome::Lost,
            Some(reply) if done(reply) => Outcome::Done,
            Some(reply) => {
                expect_excused(line, reply);
                Outcome::Refused
            }
        };
        let replicated = (outcome == Outcome::Done && self.one_in(10)).then(|| self.wait());
        Deed {
            span,
            outcome,
            replicated: replicated.flatten(),
        }
    }

    /// When everything so far is known to be on the replica.
    fn wait(&mut self) -> Option<Time> {
        let (span, reply) = self.link.run("WAIT 1 20");
        matches!(reply, Some(Reply::Int(1..))).then_some(span.ended)
    }

    fn get(&mut self, key: Key) {
        if self.one_in(2) {
            let (span, reply) = self.link.run(&format!("CACHE.GET k{key}"));
            self.note_read(span, key, reply.as_ref(), true, false);
        } else {
            let (span, reply) = self.link.run(&format!("CACHE.GET k{key} STALE WITHMETA"));
            if let Some(Reply::Array(meta)) = &reply {
                self.note_read(span, key, meta.first(), show(&meta[1]) == "fresh", false);
            }
        }
    }

    fn mget(&mut self) {
        let keys = [0; 3].map(|_| self.random.below(KEYS));
        let (span, reply) = self.link.run(&format!(
            "CACHE.MGET k{} k{} k{}",
            keys[0], keys[1], keys[2]
        ));
        if let Some(Reply::Array(values)) = &reply {
            for (key, value) in keys.into_iter().zip(values) {
                self.note_read(span, key, Some(value), true, false);
            }
        }
    }

    fn get_from_replica(&mut self, key: Key) {
        let Some(replica) = &mut self.replica else {
            return self.get(key);
        };
        let began = self.world.now();
        let sent = replica.try_send(format!("CACHE.GET k{key}").as_str());
        let reply = sent.ok().and_then(|()| replica.try_reply().ok());
        let ended = self.world.now();
        if reply.is_none() {
            self.replica = None;
        }
        self.note_read(Span { began, ended }, key, reply.as_ref(), true, true);
    }

    fn note_read(
        &mut self,
        span: Span,
        key: Key,
        reply: Option<&Reply>,
        fresh: bool,
        on_replica: bool,
    ) {
        let Some(Reply::BulkString(text)) = reply else {
            return;
        };
        let value = Value::parse(text);
        self.history.reads.push(Read {
            span,
            key,
            value: value.unwrap_or_else(|| panic!("a strange value: {}", text.escape_ascii())),
            fresh,
            on_replica,
        });
    }

    fn store(&mut self, key: Key) {
        let condition = *self.random.pick(&["", "", "", " NX", " XX"]);
        self.set(key, None, condition);
    }

    fn set(&mut self, key: Key, token: Option<u64>, condition: &str) {
        let calm = CALM.contains(&key);
        let value = Value {
            number: self.world.number(),
            key,
            tags: if calm && !self.one_in(20) {
                Tags::default()
            } else {
                self.tags()
            },
        };
        let times = match calm {
            true => " PX 2000",
            false => *self
                .random
                .pick(&["", " PX 5 PGRACE 20", " PX 50", " PX 500 PGRACE 500"]),
        };
        let token_words = token.map_or(String::new(), |token| format!(" TOKEN {token}"));
        let (count, tags) = (value.tags.iter().count(), value.tags);
        let line =
            format!("CACHE.SET k{key} {value}{condition}{times}{token_words} TAGS {count}{tags}");
        let deed = self.change(&line, is_ok);
        self.history.stores.push(Store { deed, value, token });
    }

    fn tags(&mut self) -> Tags {
        let count = self.random.below(3);
        let picked: Vec<usize> = (0..count).map(|_| self.random.below(TAGS)).collect();
        Tags::of(&picked)
    }

    fn retag(&mut self, key: Key) {
        let tags = self.tags();
        let deed = self.change(&format!("CACHE.SETTAGS k{key}{tags}"), is_one);
        self.history.retags.push(Retag { deed, key, tags });
    }

    fn touch(&mut self, marks: bool) {
        let tags = Tags::of(&[self.random.below(TAGS)]);
        let command = if marks { "MARKSTALE" } else { "INVALIDATE" };
        let deed = self.change(&format!("CACHE.{command}{tags}"), is_number);
        self.history.touches.push(Touch { deed, tags, marks });
    }

    fn delete(&mut self, key: Key) {
        let deed = self.change(&format!("DEL k{key}"), is_number);
        self.history.removals.push(Removal {
            deed,
            key: Some(key),
        });
    }

    fn flush(&mut self) {
        let deed = self.change("FLUSHALL", is_ok);
        self.history.removals.push(Removal { deed, key: None });
    }

    fn travel(&mut self) {
        let from = TRAVELLERS.start + self.random.below(TRAVELLERS.len());
        let step = 1 + self.random.below(TRAVELLERS.len() - 1);
        let to = TRAVELLERS.start + (from - TRAVELLERS.start + step) % TRAVELLERS.len();
        let copies = self.one_in(2);
        let deed = match copies {
            true => self.change(&format!("COPY k{from} k{to} REPLACE"), is_one),
            false => self.change(&format!("RENAME k{from} k{to}"), is_ok),
        };
        self.history.moves.push(Move {
            deed,
            from,
            to,
            copies,
        });
    }

    fn expire(&mut self, key: Key) {
        let ms = 1 + self.random.below(50);
        self.change(&format!("PEXPIRE k{key} {ms}"), is_one);
    }
}

fn is_ok(reply: &Reply) -> bool {
    show(reply) == "OK"
}

fn is_one(reply: &Reply) -> bool {
    *reply == Reply::Int(1)
}

fn is_number(reply: &Reply) -> bool {
    matches!(reply, Reply::Int(_))
}

/// Fails on an error that has no excuse.
fn expect_excused(line: &str, reply: &Reply) {
    let text = show(reply);
    let excuses = ["-LOADING", "-ERR no such key"];
    let excused = excuses.iter().any(|excuse| text.starts_with(excuse));
    assert!(excused || !text.starts_with('-'), "{line}: {text}");
}
