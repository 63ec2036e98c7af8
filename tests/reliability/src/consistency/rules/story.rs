//! Small histories for the rules' tests, told in one line.

use super::{Rule, check};
use crate::consistency::history::{
    Ask, Breakage, Deed, Fault, Grant, History, Key, MS, Move, Outcome, Read, Release, Removal,
    Renewal, Retag, Span, Store, Tags, Time, Touch, Value,
};

/// A history that is being told. The last change told can be qualified: lost, refused, replicated.
#[derive(Clone, Default)]
pub(super) struct Story(History);

fn done(began: Time, ended: Time) -> Deed {
    Deed {
        span: Span { began, ended },
        outcome: Outcome::Done,
        replicated: None,
    }
}

/// The tags among words like `k0 t1 t2`.
fn tags(words: &str) -> Tags {
    let names = words
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('t'));
    Tags::of(&names.map(|tag| tag.parse().unwrap()).collect::<Vec<_>>())
}

impl Story {
    pub(super) fn holds(mut self) {
        check(&mut self.0).unwrap_or_else(|violation| panic!("{violation}"));
    }

    pub(super) fn breaks(mut self, rule: Rule) {
        let found = check(&mut self.0).expect_err("a violation");
        assert_eq!(found.rule, rule, "{found}");
    }

    /// Stores a value, at a key and with tags like `k0 t1 t2`.
    pub(super) fn store(self, number: usize, what: &str, began: Time, ended: Time) -> Self {
        self.set(number, what, None, done(began, ended))
    }

    pub(super) fn fill(
        self,
        number: usize,
        what: &str,
        token: u64,
        began: Time,
        ended: Time,
    ) -> Self {
        self.set(number, what, Some(token), done(began, ended))
    }

    fn set(mut self, number: usize, what: &str, token: Option<u64>, deed: Deed) -> Self {
        let value = value_of(number, what);
        self.0.stores.push(Store { deed, value, token });
        self
    }

    pub(super) fn read(mut self, number: usize, key: Key, began: Time, ended: Time) -> Self {
        let stores = self.0.stores.iter();
        let known = stores.map(|it| it.value).find(|it| it.number == number);
        self.0.reads.push(Read {
            span: Span { began, ended },
            key,
            value: known.unwrap_or_else(|| value_of(number, "k0")),
            fresh: true,
            on_replica: false,
        });
        self
    }

    pub(super) fn stale(mut self) -> Self {
        self.0.reads.last_mut().unwrap().fresh = false;
        self
    }

    pub(super) fn on_replica(mut self) -> Self {
        self.0.reads.last_mut().unwrap().on_replica = true;
        self
    }

    pub(super) fn invalidate(self, tag: usize, began: Time, ended: Time) -> Self {
        self.touch(tag, false, began, ended)
    }

    pub(super) fn mark(self, tag: usize, began: Time, ended: Time) -> Self {
        self.touch(tag, true, began, ended)
    }

    fn touch(mut self, tag: usize, marks: bool, began: Time, ended: Time) -> Self {
        let (deed, tags) = (done(began, ended), Tags::of(&[tag]));
        self.0.touches.push(Touch { deed, tags, marks });
        self
    }

    pub(super) fn retag(mut self, key: Key, words: &str, began: Time, ended: Time) -> Self {
        let (deed, tags) = (done(began, ended), tags(words));
        self.0.retags.push(Retag { deed, key, tags });
        self
    }

    pub(super) fn delete(mut self, key: Key, began: Time, ended: Time) -> Self {
        let deed = done(began, ended);
        self.0.removals.push(Removal {
            deed,
            key: Some(key),
        });
        self
    }

    pub(super) fn flush(mut self, began: Time, ended: Time) -> Self {
        let deed = done(began, ended);
        self.0.removals.push(Removal { deed, key: None });
        self
    }

    pub(super) fn rename(mut self, from: Key, to: Key, began: Time, ended: Time) -> Self {
        self.0.moves.push(Move {
            deed: done(began, ended),
            from,
            to,
            copies: false,
        });
        self
    }

    /// A lease of 100 ms.
    pub(super) fn grant(mut self, key: Key, token: u64, began: Time, ended: Time) -> Self {
        self.0.grants.push(Grant {
            span: Span { began, ended },
            key,
            token,
            lease: 100 * MS,
            on_value: false,
        });
        self
    }

    pub(super) fn on_value(mut self) -> Self {
        self.0.grants.last_mut().unwrap().on_value = true;
        self
    }

    pub(super) fn renew(mut self, token: u64, ms: u64, began: Time, ended: Time) -> Self {
        self.0.renewals.push(Renewal {
            deed: done(began, ended),
            token,
            lease: ms * MS,
        });
        self
    }

    pub(super) fn release(mut self, key: Key, token: u64, began: Time, ended: Time) -> Self {
        self.0.releases.push(Release {
            deed: done(began, ended),
            key,
            token,
            backoff: 0,
        });
        self
    }

    pub(super) fn backoff(mut self, ms: u64) -> Self {
        self.0.releases.last_mut().unwrap().backoff = ms * MS;
        self
    }

    /// Somebody who would have waited `wait` ms got `busy`.
    pub(super) fn busy(mut self, key: Key, wait: u64, began: Time, ended: Time) -> Self {
        self.0.asks.push(Ask {
            span: Span { began, ended },
            key,
            wait: wait * MS,
            busy: true,
            off_cpu: 0,
        });
        self
    }

    /// The caller got something after all.
    pub(super) fn answered(mut self) -> Self {
        self.0.asks.last_mut().unwrap().busy = false;
        self
    }

    /// The caller was not let run for so long.
    pub(super) fn off_cpu(mut self, time: Time) -> Self {
        self.0.asks.last_mut().unwrap().off_cpu = time;
        self
    }

    pub(super) fn pause(mut self, began: Time, ended: Time) -> Self {
        self.0.pauses.push(Span { began, ended });
        self
    }

    pub(super) fn failover(self, began: Time, ended: Time) -> Self {
        self.fault(Breakage::Failover, began, ended)
    }

    pub(super) fn crash(self, began: Time, ended: Time) -> Self {
        self.fault(Breakage::Crash, began, ended)
    }

    pub(super) fn reload(self, began: Time, ended: Time) -> Self {
        self.fault(Breakage::Reload, began, ended)
    }

    pub(super) fn limits(self, began: Time, ended: Time) -> Self {
        self.fault(Breakage::Limits, began, ended)
    }

    fn fault(mut self, breakage: Breakage, began: Time, ended: Time) -> Self {
        let span = Span { began, ended };
        self.0.faults.push(Fault { span, breakage });
        self
    }

    /// The reply to the last change never came.
    pub(super) fn lost(self) -> Self {
        self.with(|deed| deed.outcome = Outcome::Lost)
    }

    /// The last change was refused.
    pub(super) fn refused(self) -> Self {
        self.with(|deed| deed.outcome = Outcome::Refused)
    }

    /// `WAIT` found the last change on the replica.
    pub(super) fn replicated(self, at: Time) -> Self {
        self.with(|deed| deed.replicated = Some(at))
    }

    /// The last change is the one that began last.
    fn with(mut self, change: impl FnOnce(&mut Deed)) -> Self {
        let History {
            stores,
            touches,
            removals,
            retags,
            ..
        } = &mut self.0;
        let stores = stores.iter_mut().map(|it| &mut it.deed);
        let touches = touches.iter_mut().map(|it| &mut it.deed);
        let removals = removals.iter_mut().map(|it| &mut it.deed);
        let retags = retags.iter_mut().map(|it| &mut it.deed);
        let deeds = stores.chain(touches).chain(removals).chain(retags);
        change(deeds.max_by_key(|deed| deed.span.began).unwrap());
        self
    }
}

fn value_of(number: usize, what: &str) -> Value {
    let keys = what
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('k'));
    Value {
        number,
        key: keys.map(|key| key.parse().unwrap()).next().unwrap(),
        tags: tags(what),
    }
}
