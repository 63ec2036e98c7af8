//! One of many who want the same value, and what they have in common.

use super::wire::Wire;
use super::{KEY, Stampede, TTL_S};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(super) struct Caller {
    pub(super) wire: Wire,
    pub(super) scene: Rc<Scene>,
}

/// What happened so far.
pub(super) struct Scene {
    computation: Duration,
    computations: Cell<usize>,
    /// When the first fill was sent, and how long its reply took.
    fill: Cell<Option<(Instant, Duration)>>,
    answers: RefCell<Vec<Instant>>,
}

impl Caller {
    pub(super) fn new(wire: Wire, scene: Rc<Scene>) -> Self {
        Self { wire, scene }
    }

    /// Computes the value: that takes its time, and nothing else.
    pub(super) async fn compute(&self) {
        let count = self.scene.computations.get();
        self.scene.computations.set(count + 1);
        tokio::time::sleep(self.scene.computation).await;
    }

    /// Stores the value by this command.
    pub(super) async fn fill(&mut self, words: &[&str]) {
        let sent = Instant::now();
        self.wire.call(words).await;
        if self.scene.fill.get().is_none() {
            self.scene.fill.set(Some((sent, sent.elapsed())));
        }
    }

    /// Stores the value as a string.
    pub(super) async fn fill_string(&mut self) {
        self.fill(&["SETEX", KEY, TTL_S, "the value"]).await;
    }

    /// Whether there is a value to be read.
    pub(super) async fn finds(&mut self) -> bool {
        self.wire.call(&["GET", KEY]).await.text(0).is_some()
    }
}

impl Scene {
    pub(super) fn new(computation: Duration) -> Self {
        Self {
            computation,
            computations: Cell::new(0),
            fill: Cell::new(None),
            answers: RefCell::default(),
        }
    }

    /// Somebody has the value.
    pub(super) fn answered(&self) {
        self.answers.borrow_mut().push(Instant::now());
    }

    pub(super) fn result(&self) -> Stampede {
        let (sent, took) = self.fill.get().expect("somebody filled the key");
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        let answers = self.answers.borrow();
        let after = answers.iter().map(|at| us(at.duration_since(sent)));
        Stampede {
            computations: self.computations.get(),
            answers_us: after.collect(),
            fill_us: us(took),
        }
    }
}
