//! G4: nobody waits longer than he wanted to, or for nothing; nobody is sent away without reason.
//!
//! - *Late answer*: the reply came later than `WAIT`, the 100 ms that servers may take to notice, and
//!   the *slack* of a busy machine: the longest pause in which the server answered nobody at all, and
//!   the time in which the caller's own thread was not let run.
//! - *Early busy*: `busy` needs a lease or a backoff that may be running, or somebody who waits for
//!   the next lease and has not yet been told that it is his; from a caller who waits, it needs the
//!   end of his `WAIT`, a backoff, or a limit on waiters that was set meanwhile.
//! - *Forgotten*: for more than the same 100 ms and slack, certainly nobody held the lease, and no
//!   backoff was running. Whatever the key held or lacked then, the caller had to be told: the value,
//!   or that he was to compute. So a fill that wakes nobody is found by this rule, and so is a lease
//!   that ends without a successor.

use super::certain::{Certain, View};
use super::leases::Terms;
use super::{Rule, Verdict, require};
use crate::consistency::history::{Ask, Breakage, Grant, History, KEYS, MS, Span, Time};
use crate::consistency::timeline::Timeline;
use std::array;
use std::collections::HashMap;

/// What the guarantee itself allows.
const NOTICE: Time = 100 * MS;

/// How much earlier than asked for a wait may end: it is counted in whole milliseconds.
const ROUNDING: Time = 2 * MS;

/// Checks all calls that may have waited.
pub(super) fn check(history: &History) -> Verdict {
    let keys = Keys::of(history);
    let pauses = Pauses::of(history);
    for ask in &history.asks {
        let due = ask.span.began + ask.wait;
        if due + NOTICE < ask.span.ended {
            let slack = pauses.longest(due, ask.span.ended) + ask.off_cpu;
            require(
                ask.span.ended <= due + NOTICE + slack,
                Rule::LateAnswer,
                || format!("{ask:?}, with a slack of {slack} ns"),
            )?;
        }
        if ask.busy {
            keys.check_busy(ask)?;
        }
        keys.check_forgotten(ask, &pauses)?;
    }
    Ok(())
}

/// When somebody may have held a lease, or been kept from taking one.
struct Keys {
    taken: [Timeline; KEYS],
    backoffs: [Timeline; KEYS],
    /// When somebody may have stood in the queue.
    queues: [Timeline; KEYS],
    /// When certainly nothing of the kind was the case, for longer than `NOTICE`.
    idle: [Vec<Span>; KEYS],
    limits: Timeline,
}

impl Keys {
    fn of(history: &History) -> Self {
        let backoffs: [Vec<Span>; KEYS] = array::from_fn(|key| backoffs(history, key));
        let mut taken = holds(history);
        for (taken, backoffs) in taken.iter_mut().zip(&backoffs) {
            taken.extend(backoffs);
            taken.sort_unstable_by_key(|span| span.began);
        }
        let limits = history.faults.iter();
        let limits = limits.filter(|it| it.breakage == Breakage::Limits);
        Self {
            idle: array::from_fn(|key| idle(&taken[key])),
            taken: taken.map(Timeline::new),
            queues: array::from_fn(|key| Timeline::new(queue(history, key))),
            backoffs: backoffs.map(Timeline::new),
            limits: Timeline::new(limits.map(|it| it.span)),
        }
    }

    fn check_busy(&self, ask: &Ask) -> Verdict {
        let taken = self.taken[ask.key].may_touch(ask.span);
        let behind = ask.wait == 0 && self.queues[ask.key].may_touch(ask.span);
        require(taken || behind, Rule::EarlyBusy, || {
            format!("{ask:?}, though nobody was computing")
        })?;
        let waited = ask.span.ended + ROUNDING >= ask.span.began + ask.wait;
        let backoff = self.backoffs[ask.key].may_touch(ask.span);
        let limited = self.limits.may_touch(ask.span);
        require(waited || backoff || limited, Rule::EarlyBusy, || {
            format!("{ask:?}, without a backoff or a limit")
        })
    }

    fn check_forgotten(&self, ask: &Ask, pauses: &Pauses) -> Verdict {
        let idle = &self.idle[ask.key];
        // Who came when nobody was computing was not put to wait, however slowly he got his reply.
        let first = idle.partition_point(|span| span.began <= ask.span.began);
        let during = idle[first..].iter();
        for idle in during.take_while(|idle| idle.began < ask.span.ended) {
            let began = idle.began.max(ask.span.began);
            let ended = idle.ended.min(ask.span.ended);
            if ended - began <= NOTICE {
                continue;
            }
            let slack = pauses.longest(began, ended) + ask.off_cpu;
            require(ended - began <= NOTICE + slack, Rule::Forgotten, || {
                let alone = Span { began, ended };
                format!("{ask:?} waited, and in {alone} nobody was computing")
            })?;
        }
        Ok(())
    }
}

fn queue(history: &History, key: usize) -> impl Iterator<Item = Span> + '_ {
    let asks = history.asks.iter();
    let waiting = asks.filter(move |ask| ask.key == key && ask.wait > 0);
    waiting.map(|ask| ask.span)
}

fn backoffs(history: &History, key: usize) -> Vec<Span> {
    let releases = history.releases.iter();
    let releases = releases.filter(|it| it.key == key && it.backoff > 0 && it.deed.is_possible());
    releases
        .map(|it| Span {
            began: it.deed.span.began,
            ended: it.deed.span.ended + it.backoff + ROUNDING,
        })
        .collect()
}

/// From the beginning of each grant to the end of whatever ended it for certain.
fn holds(history: &History) -> [Vec<Span>; KEYS] {
    let ends = Ends::of(history);
    let mut holds: [Vec<Span>; KEYS] = Default::default();
    for grant in &history.grants {
        holds[grant.key].push(Span {
            began: grant.span.began,
            ended: ends.of_lease(grant),
        });
    }
    for call in &history.unheard {
        holds[call.key].push(Span {
            began: call.span.began,
            ended: call.span.ended + call.lease + ROUNDING,
        });
    }
    holds
}

/// What ends leases for certain. After a failover less is certain, and that is what is used for all.
struct Ends<'a> {
    certain: Certain,
    terms: Terms<'a>,
    faults: Timeline,
    /// By token: its fill, or its being given up.
    own: HashMap<u64, Time>,
}

impl<'a> Ends<'a> {
    fn of(history: &'a History) -> Self {
        let faults = history.faults.iter().filter(|it| it.ends_leases());
        let fills = history
            .stores
            .iter()
            .filter_map(|it| Some((it.token?, it.deed)));
        let releases = history.releases.iter().map(|it| (it.token, it.deed));
        let mut own = HashMap::new();
        for (token, deed) in fills.chain(releases) {
            let ended = deed.span.ended;
            let first = own.entry(token).or_insert(ended);
            *first = ended.min(*first);
        }
        Self {
            certain: Certain::of(history, View::last(history)),
            terms: Terms::of(history),
            faults: Timeline::new(faults.map(|it| it.span)),
            own,
        }
    }

    fn of_lease(&self, grant: &Grant) -> Time {
        let since = grant.span.ended;
        let replaced = self.certain.replaced_after(grant.key, since);
        let moved = self.certain.displacements[grant.key].first_after(since);
        let fault = self.faults.first_after(since);
        let spans = [replaced, moved, fault].into_iter().flatten();
        let ends = spans
            .map(|span| span.ended)
            .chain(self.own.get(&grant.token).copied());
        ends.fold(self.terms.latest_end(grant), Time::min)
    }
}

/// The gaps between spans that are sorted by their beginning, the time after the last included.
fn idle(taken: &[Span]) -> Vec<Span> {
    let (mut gaps, mut free_since) = (Vec::new(), 0);
    let end = Span {
        began: Time::MAX,
        ended: Time::MAX,
    };
    for span in taken.iter().chain([&end]) {
        if free_since + NOTICE < span.began {
            gaps.push(Span {
                began: free_since,
                ended: span.began,
            });
        }
        free_since = span.ended.max(free_since);
    }
    gaps
}

/// The pauses between answers to one who did nothing but ask for them.
struct Pauses {
    sorted: Vec<Span>,
}

impl Pauses {
    fn of(history: &History) -> Self {
        let mut sorted = history.pauses.clone();
        sorted.sort_unstable_by_key(|span| span.ended);
        Self { sorted }
    }

    /// The longest that reached into that time.
    fn longest(&self, from: Time, to: Time) -> Time {
        let first = self.sorted.partition_point(|span| span.ended < from);
        let within = self.sorted[first..].iter();
        let within = within.take_while(|span| span.began <= to);
        within
            .map(|span| span.ended - span.began)
            .max()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use crate::consistency::history::MS;
    use crate::consistency::rules::Rule;
    use crate::consistency::rules::story::Story;

    /// A lease from 0 to 100 ms.
    fn leased() -> Story {
        Story::default().grant(0, 7, 0, 10)
    }

    #[test]
    fn an_answer_may_be_late_by_100_ms_and_the_slack() {
        let late = leased().busy(0, 50, 1, 151 * MS + 2);
        late.clone().breaks(Rule::LateAnswer);
        late.clone().pause(140 * MS, 145 * MS).holds();
        late.off_cpu(5 * MS).holds();
        leased().busy(0, 50, 1, 150 * MS).holds();
    }

    #[test]
    fn busy_needs_a_lease_or_a_backoff() {
        leased().busy(0, 0, 20, 30).holds();
        leased()
            .busy(0, 0, 110 * MS, 111 * MS)
            .breaks(Rule::EarlyBusy);
        let other = leased().busy(1, 0, 20, 30);
        other.clone().breaks(Rule::EarlyBusy);
        other.busy(1, 50, 10, 25).answered().holds();
        let filled = leased().fill(1, "k0", 7, 40, 50);
        filled.clone().busy(0, 0, 45, 60).holds();
        filled.busy(0, 0, 60, 70).breaks(Rule::EarlyBusy);
        let backoff = leased().release(0, 7, 40, 50).backoff(20);
        backoff.clone().busy(0, 0, 60, 70).holds();
        backoff.busy(0, 0, 60 * MS, 61 * MS).breaks(Rule::EarlyBusy);
    }

    #[test]
    fn who_waits_is_sent_away_early_only_by_a_backoff_or_a_limit() {
        leased().busy(0, 50, 20, 30).breaks(Rule::EarlyBusy);
        leased().busy(0, 50, 20, 49 * MS).holds();
        leased().limits(10, 40).busy(0, 50, 20, 30).holds();
        let backoff = leased().release(0, 7, 20, 25).backoff(20);
        backoff.busy(0, 50, 15, 30).holds();
    }

    #[test]
    fn who_waits_is_told_when_nobody_computes_any_more() {
        let filled = leased().fill(1, "k0", 7, 40, 50);
        filled
            .clone()
            .busy(0, 150, 20, 150 * MS)
            .breaks(Rule::Forgotten);
        filled.clone().busy(0, 90, 20, 90 * MS).holds();
        let next = filled.delete(0, 60, 70).grant(0, 8, 80, 60 * MS);
        next.busy(0, 150, 20, 150 * MS).holds();
        leased().busy(0, 220, 20, 220 * MS).breaks(Rule::Forgotten);
        leased().busy(0, 190, 20, 190 * MS).holds();
        let slow = leased().fill(1, "k0", 7, 40, 50);
        slow.busy(0, 900, 60, 400 * MS).answered().holds();
    }
}
