//! Counters and histograms that many threads record to, and their sums.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::event::Event;
use super::histogram::{Counted, Histogram};

const EVENTS: usize = Event::ALL.len();

/// What one cache records to. Each number is right for itself; as they are not read at one moment,
/// two of them can differ by what happened in between.
#[derive(Debug)]
pub(crate) struct Recorder {
    events: [AtomicU64; EVENTS],
    lookup: Histogram,
    compute: Histogram,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            events: [const { AtomicU64::new(0) }; EVENTS],
            lookup: Histogram::new(),
            compute: Histogram::new(),
        }
    }

    pub(crate) fn record(&self, event: Event) {
        self.events[event as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn record_lookup(&self, took: Duration) {
        self.lookup.record(took);
    }

    pub(crate) fn record_compute(&self, took: Duration) {
        self.compute.record(took);
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            events: self.events.each_ref().map(|count| count.load(Relaxed)),
            lookup: self.lookup.counted(),
            compute: self.compute.counted(),
        }
    }

    pub(crate) fn reset(&self) {
        self.events.iter().for_each(|count| count.store(0, Relaxed));
        self.lookup.reset();
        self.compute.reset();
    }
}

/// What was recorded until a moment, by one cache or by several together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    events: [u64; EVENTS],
    pub(crate) lookup: Counted,
    pub(crate) compute: Counted,
}

impl Tally {
    pub(crate) fn of(&self, event: Event) -> u64 {
        self.events[event as usize]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.events.iter_mut().zip(other.events) {
            *count += more;
        }
        self.lookup.add(&other.lookup);
        self.compute.add(&other.compute);
    }
}
