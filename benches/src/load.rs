//! The load: ten connections, each with a pipeline of requests, from one thread.
//!
//! A batch is sent on every connection before the first reply is read, and the next batch on a
//! connection as soon as its last one is answered. So the server always has work, and its
//! processor is what limits the throughput.

use crate::bed::Bed;
use crate::requests::{Batch, Requests};
use crate::wire::{Tally, Wire};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(crate) const CONNECTIONS: usize = 10;
pub(crate) const PIPELINE: usize = 32;

pub(crate) struct Load {
    wires: Vec<Wire>,
}

/// What a load achieved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Achieved {
    pub(crate) tally: Tally,
    pub(crate) elapsed: Duration,
}

impl Achieved {
    /// Operations per second.
    pub(crate) fn rate(&self) -> f64 {
        self.tally.operations as f64 / self.elapsed.as_secs_f64()
    }
}

impl Load {
    pub(crate) fn connect(bed: &Bed) -> Self {
        let wires = (0..CONNECTIONS).map(|_| Wire::connect(bed.port()));
        Self {
            wires: wires.collect(),
        }
    }

    /// Sends every operation once.
    pub(crate) fn run(&mut self, requests: &Requests) -> Achieved {
        self.drive(requests.batches(PIPELINE))
    }

    /// Sends the operations again and again for as long as `goes_on` says.
    pub(crate) fn run_while(
        &mut self,
        requests: &Requests,
        mut goes_on: impl FnMut() -> bool,
    ) -> Achieved {
        let batches = requests.batches(PIPELINE).cycle();
        self.drive(batches.take_while(move |_| goes_on()))
    }

    pub(crate) fn run_for(&mut self, requests: &Requests, time: Duration) -> Achieved {
        let start = Instant::now();
        self.run_while(requests, || start.elapsed() < time)
    }

    fn drive<'a>(&mut self, mut batches: impl Iterator<Item = Batch<'a>>) -> Achieved {
        let start = Instant::now();
        let mut tally = Tally::default();
        let mut sent: VecDeque<(usize, Batch<'a>)> = VecDeque::new();
        let mut idle: Vec<usize> = (0..self.wires.len()).collect();
        loop {
            while let Some(wire) = idle.pop() {
                let Some(batch) = batches.next() else { break };
                self.wires[wire].send(batch.bytes);
                sent.push_back((wire, batch));
            }
            let Some((wire, batch)) = sent.pop_front() else {
                break;
            };
            self.wires[wire].skip_replies(batch.replies, &mut tally);
            tally.operations += batch.operations;
            idle.push(wire);
        }
        Achieved {
            tally,
            elapsed: start.elapsed(),
        }
    }
}
