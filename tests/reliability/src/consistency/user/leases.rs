//! Leases: how this user asks for them, and what becomes of those that are granted.

use super::{CALM, User, expect_excused, is_one};
use crate::consistency::history::{
    Ask, Deed, Grant, Key, MS, Outcome, Release, Renewal, Span, Time, Unheard,
};
use larder_test_support::show;
use redis::Value as Reply;
use std::fmt;
use std::os::unix::fs::FileExt;

/// A lease that this user holds, or once held.
pub(super) struct Held {
    key: Key,
    token: u64,
    lease: Time,
    bound: bool,
    /// How many operations from now on the value will have been computed.
    pub(super) due: usize,
}

/// What is asked for. Times in ms.
struct Terms {
    lease: u64,
    wait: u64,
    early: bool,
    fresh: bool,
    bound: bool,
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LEASE {} WAIT {}", self.lease, self.wait)?;
        let options = [
            (self.early, " EARLY 1"),
            (self.fresh, " FRESH"),
            (self.bound, " BOUND"),
        ];
        let chosen = options.iter().filter(|(chosen, _)| *chosen);
        chosen
            .into_iter()
            .try_for_each(|(_, words)| f.write_str(words))
    }
}

impl User<'_> {
    pub(super) fn get_or_lock(&mut self, key: Key) {
        let terms = self.terms(CALM.contains(&key));
        let line = format!("CACHE.GETORLOCK k{key} {terms}");
        let off_cpu = self.off_cpu();
        let (span, reply) = self.link.run(&line);
        let off_cpu = self.off_cpu() - off_cpu;
        let Some(reply) = reply else {
            let lease = terms.lease * MS;
            return self.history.unheard.push(Unheard { span, key, lease });
        };
        let Reply::Array(parts) = &reply else {
            return expect_excused(&line, &reply);
        };
        let [status, value, token] = &parts[..] else {
            panic!("{line}: {}", show(&reply));
        };
        let (status, wait) = (show(status), terms.wait * MS);
        self.note_read(span, key, Some(value), status == "fresh", false);
        let busy = status == "busy";
        if busy || wait > 0 {
            self.history.asks.push(Ask {
                span,
                key,
                wait,
                busy,
                off_cpu,
            });
        }
        if let Reply::Int(token) = token {
            let on_value = terms.fresh || *value != Reply::Nil;
            self.hold(span, key, token.unsigned_abs(), &terms, on_value);
        }
    }

    fn terms(&mut self, calm: bool) -> Terms {
        // Who computes what others wait for does not wait for what they may be computing.
        let awaited = self.held.iter().any(|held| CALM.contains(&held.key));
        Terms {
            lease: match calm {
                true => *self.random.pick(&[500, 2_000]),
                false => *self.random.pick(&[5, 20, 100, 1_000]),
            },
            wait: match calm {
                true if awaited => 0,
                true => 1_000,
                false => *self.random.pick(&[0, 0, 0, 1, 10, 30]),
            },
            early: self.one_in(4),
            fresh: self.one_in(4),
            bound: self.one_in(4),
        }
    }

    /// How long this thread has been ready in all without being let run, if the kernel tells.
    fn off_cpu(&self) -> Time {
        let mut bytes = [0; 64];
        let read = self
            .thread
            .as_ref()
            .and_then(|it| it.read_at(&mut bytes, 0).ok());
        let text = std::str::from_utf8(&bytes[..read.unwrap_or(0)]).unwrap_or("");
        let second = text.split_whitespace().nth(1);
        second.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn hold(&mut self, span: Span, key: Key, token: u64, terms: &Terms, on_value: bool) {
        let lease = terms.lease * MS;
        self.history.grants.push(Grant {
            span,
            key,
            token,
            lease,
            on_value,
        });
        let due = self.computing(key);
        self.held.push(Held {
            key,
            token,
            lease,
            bound: terms.bound,
            due,
        });
    }

    /// In how many operations a value is computed. On most keys a lease does not last for many.
    fn computing(&mut self, key: Key) -> usize {
        1 + self.random.below(if CALM.contains(&key) { 60 } else { 8 })
    }

    /// The value has been computed, or could not be.
    pub(super) fn end_lease(&mut self, held: &Held) {
        match self.random.below(20) {
            0..2 => self.give_up(held),
            2..4 => self.renew(held),
            4 if !CALM.contains(&held.key) => self.forget(held),
            _ => self.set(held.key, Some(held.token), ""),
        }
    }

    /// Does nothing more about a lease; but it still ends with the connection it is bound to.
    fn forget(&mut self, held: &Held) {
        if held.bound {
            let due = usize::MAX;
            self.held.push(Held { due, ..*held });
        }
    }

    fn give_up(&mut self, held: &Held) {
        let backoff = if self.one_in(2) {
            1 + self.random.below(20)
        } else {
            0
        };
        let words = match backoff {
            0 => String::new(),
            ms => format!(" BACKOFF {ms}"),
        };
        let line = format!("CACHE.UNLOCK k{} {}{words}", held.key, held.token);
        let deed = self.change(&line, is_one);
        self.history.releases.push(Release {
            deed,
            key: held.key,
            token: held.token,
            backoff: backoff as Time * MS,
        });
    }

    fn renew(&mut self, held: &Held) {
        let ms = *self.random.pick(&[10, 100, 1_000]);
        let line = format!("CACHE.RENEW k{} {} {ms}", held.key, held.token);
        let deed = self.change(&line, is_one);
        let (token, lease) = (held.token, ms * MS);
        self.history.renewals.push(Renewal { deed, token, lease });
        let (lease, due) = (lease.max(held.lease), self.computing(held.key));
        self.held.push(Held {
            lease,
            due,
            ..*held
        });
    }

    /// Dies, as far as the server can tell.
    pub(super) fn hang_up(&mut self) {
        let began = self.world.now();
        self.link.hang_up();
        for held in self.held.extract_if(.., |held| held.bound) {
            let span = Span {
                began,
                ended: self.world.now() + held.lease,
            };
            self.history.releases.push(Release {
                deed: Deed {
                    span,
                    outcome: Outcome::Lost,
                    replicated: None,
                },
                key: held.key,
                token: held.token,
                backoff: 0,
            });
        }
    }
}
