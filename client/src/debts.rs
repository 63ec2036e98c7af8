//! What Redis was not there to hear: the source has changed, so something must go as soon as Redis is
//! back. Kept here is what, and whether somebody is at it; how it is removed is for others.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct Debts {
    /// Whether anything is owed: usually not, and then readers need no lock.
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The names, in order, each with the number of its latest debt.
    debts: BTreeMap<String, u64>,
    next_number: u64,
    settling: bool,
}

/// A name, and the number of the debt that its removal pays.
pub(crate) type Debt = (String, u64);

/// How many go in one round trip: all of them must be answered within its timeout.
const PAGE: usize = 500;

/// The right to settle: one task or thread has it. Dropped before all is settled, as when a runtime
/// ends, it is free for another.
pub(crate) struct Settling {
    debts: Arc<Debts>,
    is_over: bool,
}

impl Debts {
    pub(crate) fn owe(&self, name: String) {
        let mut state = self.state();
        let number = state.next_number;
        state.debts.insert(name, number);
        state.next_number += 1;
        self.any.store(true, Relaxed);
    }

    /// Whether anything is owed.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Relaxed)
    }

    /// Whether what Redis has for `name` is older than a change that this process has made.
    pub(crate) fn includes(&self, name: &str) -> bool {
        self.any() && self.state().debts.contains_key(name)
    }

    /// Nothing if somebody is at it, or nothing is owed.
    pub(crate) fn settle(self: &Arc<Self>) -> Option<Settling> {
        let mut state = self.state();
        if state.debts.is_empty() || std::mem::replace(&mut state.settling, true) {
            return None;
        }
        Some(Settling {
            debts: Arc::clone(self),
            is_over: false,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settling {
    /// The next debts behind `name`.
    pub(crate) fn page(&self, name: Option<&str>) -> Vec<Debt> {
        let after = name.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.debts.state();
        let debts = state
            .debts
            .range::<str, _>((after, Bound::Unbounded))
            .take(PAGE);
        debts
            .map(|(name, number)| (name.clone(), *number))
            .collect()
    }

    /// Strikes out what has been removed, unless the source has changed once more meanwhile.
    pub(crate) fn strike_out<'a>(&self, removed: impl Iterator<Item = &'a Debt>) {
        let mut state = self.debts.state();
        for (name, number) in removed {
            if state.debts.get(name) == Some(number) {
                state.debts.remove(name);
            }
        }
        self.debts.any.store(!state.debts.is_empty(), Relaxed);
    }

    /// Whether nothing is owed any more. Who owes something from then on finds the right free.
    pub(crate) fn is_over(&mut self) -> bool {
        let mut state = self.debts.state();
        state.settling = !state.debts.is_empty();
        self.is_over = !state.settling;
        self.is_over
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        if !self.is_over {
            self.debts.state().settling = false;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn owing(names: impl IntoIterator<Item = usize>) -> Arc<Debts> {
        let debts = Arc::<Debts>::default();
        names.into_iter().for_each(|n| debts.owe(format!("{n:04}")));
        debts
    }

    #[test]
    fn debts_are_paid_page_by_page() {
        let mut settling = owing(0..1200).settle().unwrap();
        let mut lengths = Vec::new();
        let mut page = settling.page(None);
        while let Some((last, _)) = page.last() {
            lengths.push(page.len());
            settling.strike_out(page.iter());
            page = settling.page(Some(last));
        }
        assert_eq!(lengths, [500, 500, 200]);
        assert!(settling.is_over());
    }

    #[test]
    fn a_removal_pays_no_debt_that_was_made_after_it() {
        let debts = owing([1]);
        let mut settling = debts.settle().unwrap();
        let page = settling.page(None);
        debts.owe("0001".to_owned());
        settling.strike_out(page.iter());
        assert!(!settling.is_over());
        assert!(debts.includes("0001"));
        settling.strike_out(settling.page(None).iter());
        assert!(settling.is_over());
    }

    #[test]
    fn one_at_a_time_settles_and_who_gives_up_makes_room() {
        let debts = owing([1]);
        let first = debts.settle().unwrap();
        assert!(debts.settle().is_none());
        drop(first);
        let mut second = debts.settle().unwrap();
        second.strike_out(second.page(None).iter());
        assert!(second.is_over());
        debts.owe("0002".to_owned());
        let third = debts.settle();
        // What is over takes nobody else's right away.
        drop(second);
        assert!(third.is_some() && debts.settle().is_none());
    }
}
