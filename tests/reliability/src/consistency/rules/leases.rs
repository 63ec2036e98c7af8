//! G3: at most one lease on a key at a time, and tokens that grow.
//!
//! Tokens are compared where one grant was over before the other began. That order given, each
//! grant took place after those with smaller tokens had begun and before those with larger ones were
//! over, so that of a caller who waited it is known rather well when he got his lease. Two successive
//! leases on a key are a breach if nothing that ends a lease may have come between the beginning of
//! the first grant and the end of the second, and the first had not run out by then.

use super::possible::Possible;
use super::{Rule, Verdict, require};
use crate::consistency::history::{Grant, History, KEYS, MS, Renewal, Span, Time};
use std::collections::HashMap;

/// Deadlines are kept in whole milliseconds, and so is the key's expiry.
const ROUNDING: Time = 2 * MS;

/// How long leases last, renewals considered.
pub(super) struct Terms<'a> {
    renewals: HashMap<u64, Vec<&'a Renewal>>,
}

impl<'a> Terms<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut renewals: HashMap<u64, Vec<&Renewal>> = HashMap::new();
        let possible = history.renewals.iter();
        for renewal in possible.filter(|it| it.deed.is_possible()) {
            renewals.entry(renewal.token).or_default().push(renewal);
        }
        Self { renewals }
    }

    /// After that time it has run out, if it has not ended otherwise before.
    pub(super) fn latest_end(&self, grant: &Grant) -> Time {
        let renewed = self.renewed(grant).map(|it| it.deed.span.ended + it.lease);
        let granted = grant.span.ended + grant.lease;
        renewed.fold(granted, Time::max) + ROUNDING
    }

    /// Before that time it has not run out.
    fn earliest_end(&self, grant: &Grant) -> Time {
        let renewed = self.renewed(grant).map(|it| it.deed.span.began + it.lease);
        let granted = grant.span.began + grant.lease;
        renewed.fold(granted, Time::min).saturating_sub(ROUNDING)
    }

    fn renewed(&self, grant: &Grant) -> impl Iterator<Item = &&Renewal> {
        self.renewals.get(&grant.token).into_iter().flatten()
    }
}

/// Narrows the spans of grants whose tokens are known to be in order.
pub(super) fn narrow(grants: &mut [Grant]) {
    grants.sort_unstable_by_key(|grant| grant.token);
    let mut latest = 0;
    for grant in grants.iter_mut() {
        latest = grant.span.began.max(latest);
        grant.span.began = latest;
    }
    let mut earliest = Time::MAX;
    for grant in grants.iter_mut().rev() {
        earliest = grant.span.ended.min(earliest);
        grant.span.ended = earliest;
    }
}

/// Checks that at most one lease was out at a time.
pub(super) fn check(history: &History, possible: &Possible) -> Verdict {
    let terms = Terms::of(history);
    let mut by_key: [Vec<&Grant>; KEYS] = Default::default();
    for grant in &history.grants {
        by_key[grant.key].push(grant);
    }
    for grants in &mut by_key {
        grants.sort_unstable_by_key(|grant| grant.token);
        for pair in grants.windows(2) {
            check_pair(pair[0], pair[1], &terms, possible)?;
        }
    }
    Ok(())
}

/// Goes through the grants as they began, and remembers the largest token of those that were over.
pub(super) fn check_order(grants: &[Grant]) -> Verdict {
    let mut by_start: Vec<_> = grants.iter().collect();
    by_start.sort_unstable_by_key(|grant| grant.span.began);
    let mut by_end = by_start.clone();
    by_end.sort_unstable_by_key(|grant| grant.span.ended);
    let (mut over, mut largest) = (by_end.into_iter().peekable(), 0);
    for grant in by_start {
        while let Some(earlier) = over.next_if(|it| it.span.precedes(grant.span)) {
            largest = earlier.token.max(largest);
        }
        require(grant.token > largest, Rule::TokenOrder, || {
            format!("{largest} was given out before {grant:?}")
        })?;
    }
    Ok(())
}

fn check_pair(first: &Grant, second: &Grant, terms: &Terms<'_>, possible: &Possible) -> Verdict {
    let time = Span {
        began: first.span.began,
        ended: second.span.ended,
    };
    let ran_out = terms.earliest_end(first) <= second.span.ended;
    let ended = possible.lease_ends[first.key].may_touch(time);
    let died = first.on_value && possible.deaths.may_touch(time);
    require(ran_out || ended || died, Rule::TwoLeases, || {
        format!("{first:?} was out when {second:?} was granted")
    })
}

#[cfg(test)]
mod tests {
    use crate::consistency::history::MS;
    use crate::consistency::rules::Rule;
    use crate::consistency::rules::story::Story;

    #[test]
    fn a_second_lease_needs_an_end_of_the_first() {
        let two = Story::default().grant(0, 7, 0, 10).grant(0, 8, 20, 30);
        two.clone().breaks(Rule::TwoLeases);
        two.clone().release(0, 7, 12, 15).holds();
        two.clone().fill(1, "k0", 7, 12, 15).holds();
        two.clone().fill(1, "k0", 7, 12, 15).refused().holds();
        two.clone().delete(0, 12, 15).lost().holds();
        two.clone().reload(12, 15).holds();
        two.delete(1, 12, 15).breaks(Rule::TwoLeases);
        let elsewhere = Story::default().grant(0, 7, 0, 10).grant(1, 8, 20, 30);
        elsewhere.holds();
    }

    #[test]
    fn only_the_lease_on_a_value_dies_with_the_value() {
        let two = |story: Story| story.invalidate(0, 12, 15).grant(0, 8, 20, 30);
        two(Story::default().grant(0, 7, 0, 10)).breaks(Rule::TwoLeases);
        two(Story::default().grant(0, 7, 0, 10).on_value()).holds();
    }

    #[test]
    fn a_lease_that_may_have_run_out_makes_room() {
        let first = Story::default().grant(0, 7, 0, 10);
        first
            .clone()
            .grant(0, 8, 20, 50 * MS)
            .breaks(Rule::TwoLeases);
        first.clone().grant(0, 8, 20, 99 * MS).holds();
        first.renew(7, 1, 30, 35).grant(0, 8, 20, 50 * MS).holds();
    }

    #[test]
    fn a_caller_who_waited_got_his_lease_after_all_smaller_tokens() {
        let waited = Story::default().grant(0, 9, 0, 30).grant(0, 8, 15, 25);
        waited.clone().delete(0, 5, 10).breaks(Rule::TwoLeases);
        waited.delete(0, 20, 22).holds();
    }

    #[test]
    fn tokens_grow_from_one_grant_to_the_next() {
        let first = Story::default().grant(0, 7, 0, 10);
        first.clone().grant(1, 6, 11, 12).breaks(Rule::TokenOrder);
        first.clone().grant(1, 7, 11, 12).breaks(Rule::TokenOrder);
        first.grant(1, 6, 5, 12).holds();
    }
}
