//! Contenders take turns on the same server, in alternating order.

use crate::bed::{Bed, Turn};
use crate::disturber;
use crate::figures::{Sample, grouped, number};
use crate::load::Load;
use crate::requests::Requests;
use crate::table::Table;
use std::time::Duration;

/// Somebody who does the same work in his own way.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) requests: Requests,
    /// Bytes of payload that each operation must bring back.
    payload: usize,
    /// Whether another client invalidates meanwhile.
    disturbed: bool,
}

/// What a contender showed, a value for each round.
pub(crate) struct Outcome {
    name: String,
    /// Operations per second.
    pub(crate) rate: Sample,
    /// Server time per operation, in µs.
    pub(crate) cpu_us: Sample,
    /// Share of the time that the server worked.
    busy: Sample,
}

/// Lets everybody have a turn in each round.
pub(crate) fn contest(
    rounds: usize,
    contenders: &[Contender],
    mut turn: impl FnMut(&Contender) -> Turn,
) -> Vec<Outcome> {
    let turns = by_turns(rounds, contenders.len(), |n| {
        let turn = turn(&contenders[n]);
        contenders[n].check(turn);
        turn
    });
    let outcomes = contenders.iter().zip(&turns);
    outcomes.map(|(c, turns)| Outcome::of(c, turns)).collect()
}

/// What each of so many contenders achieves in each round. A round before the first is for warming up.
pub(crate) fn by_turns<T>(
    rounds: usize,
    contenders: usize,
    mut turn: impl FnMut(usize) -> T,
) -> Vec<Vec<T>> {
    let mut turns: Vec<Vec<T>> = (0..contenders).map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        let mut order: Vec<usize> = (0..contenders).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for n in order {
            let achieved = turn(n);
            if round > 0 {
                turns[n].push(achieved);
            }
        }
    }
    turns
}

/// A turn that repeats the contender's requests for as long as `slice`.
pub(crate) fn steady(
    bed: &mut Bed,
    load: &mut Load,
    slice: Duration,
    contender: &Contender,
) -> Turn {
    let port = bed.port();
    bed.time(load, |load| {
        let mut run = || load.run_for(&contender.requests, slice);
        if contender.disturbed {
            disturber::while_invalidating(port, run)
        } else {
            run()
        }
    })
}

impl Contender {
    pub(crate) fn new(name: impl Into<String>, requests: Requests) -> Self {
        Self {
            name: name.into(),
            requests,
            payload: 0,
            disturbed: false,
        }
    }

    /// The same, who must bring back so many bytes each time.
    pub(crate) fn bringing(mut self, payload: usize) -> Self {
        self.payload = payload;
        self
    }

    /// The same, while another client invalidates tags.
    pub(crate) fn while_others_invalidate(mut self) -> Self {
        self.disturbed = true;
        self
    }

    fn check(&self, turn: Turn) {
        let tally = turn.achieved.tally;
        assert!(tally.operations > 0, "{} did nothing", self.name);
        assert!(
            tally.bytes >= tally.operations * self.payload,
            "{} brought back {} bytes in {} operations",
            self.name,
            tally.bytes,
            tally.operations
        );
    }
}

impl Outcome {
    fn of(contender: &Contender, turns: &[Turn]) -> Self {
        let operations = |turn: &Turn| turn.achieved.tally.operations as f64;
        let elapsed_us = |turn: &Turn| turn.achieved.elapsed.as_secs_f64() * 1e6;
        Self {
            name: contender.name.clone(),
            rate: turns.iter().map(|turn| turn.achieved.rate()).collect(),
            cpu_us: turns.iter().map(|t| t.cpu_us / operations(t)).collect(),
            busy: turns.iter().map(|t| t.cpu_us / elapsed_us(t)).collect(),
        }
    }
}

/// Everybody compared with the first.
pub(crate) fn compare(outcomes: &[Outcome]) -> Table {
    let first = &outcomes[0];
    let mut table = Table::new([
        "",
        "operations/s",
        "throughput, ratio",
        "server µs each",
        "server time, ratio",
        "server busy",
    ]);
    for outcome in outcomes {
        table.row([
            outcome.name.clone(),
            grouped(outcome.rate.median()),
            outcome.rate.ratio_to(&first.rate).to_string(),
            number(outcome.cpu_us.median()),
            first.cpu_us.ratio_to(&outcome.cpu_us).to_string(),
            format!("{:.0} %", outcome.busy.median() * 100.0),
        ]);
    }
    table
}
