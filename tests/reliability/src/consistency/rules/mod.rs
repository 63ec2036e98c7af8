//! What a history must not show.
//!
//! Whatever is reported here is certain: no order of effects that is compatible with the spans
//! could have led to it. Two kinds of knowledge are kept apart for that. [`Certain`] is what has
//! taken effect, and holds it against the server; [`Possible`] is what may have, and excuses it.

mod certain;
mod fills;
mod leases;
mod possible;
mod values;
mod waits;

#[cfg(test)]
mod story;

use super::history::History;
use certain::{Certain, View};
use possible::Possible;
use std::fmt;

/// The rules, by the guarantee they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Invented,
    Invalidated,
    Marked,
    Removed,
    StaleFill,
    TwoLeases,
    TokenOrder,
    LateAnswer,
    EarlyBusy,
    Forgotten,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invented => "G1 (never stored)",
            Self::Invalidated => "G1 (invalidated)",
            Self::Marked => "G1 (marked stale)",
            Self::Removed => "G1 (removed)",
            Self::StaleFill => "G2 (stale fill)",
            Self::TwoLeases => "G3 (two leases)",
            Self::TokenOrder => "G3 (token order)",
            Self::LateAnswer => "G4 (late answer)",
            Self::EarlyBusy => "G4 (early busy)",
            Self::Forgotten => "G4 (forgotten)",
        })
    }
}

/// A rule that was broken, and how.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is broken: {}", self.rule, self.what)
    }
}

/// What a rule comes to.
pub(crate) type Verdict = Result<(), Violation>;

/// Fails unless it holds.
fn require(holds: bool, rule: Rule, what: impl FnOnce() -> String) -> Verdict {
    match holds {
        true => Ok(()),
        false => Err(Violation { rule, what: what() }),
    }
}

/// Holds a history against all rules, and narrows the spans of its grants on the way.
///
/// # Errors
/// The first rule that is found to be broken.
pub(crate) fn check(history: &mut History) -> Verdict {
    leases::check_order(&history.grants)?;
    leases::narrow(&mut history.grants);
    let history = &*history;
    let possible = Possible::of(history);
    for view in View::all(history) {
        let certain = Certain::of(history, view);
        values::check(history, view, &certain, &possible)?;
        fills::check(history, view, &certain)?;
    }
    leases::check(history, &possible)?;
    waits::check(history)
}
