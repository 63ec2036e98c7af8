//! All caches of the process, to be able to add them up.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::recorder::{Recorder, Tally};

#[derive(Debug, Default)]
pub(crate) struct Registry {
    live: Vec<Arc<Recorder>>,
    /// What those have recorded that are gone.
    retired: Tally,
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

/// The registry of the process.
pub(crate) fn registry() -> MutexGuard<'static, Registry> {
    // Nothing in here can be left half done: a panic of somebody else's does no harm.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// A recorder that counts in the total, until it is retired and after.
    pub(crate) fn recorder(&mut self) -> Arc<Recorder> {
        let recorder = Arc::new(Recorder::new());
        self.live.push(Arc::clone(&recorder));
        recorder
    }

    /// Keeps what a recorder has recorded, and forgets the recorder.
    pub(crate) fn retire(&mut self, recorder: &Arc<Recorder>) {
        self.retired.add(&recorder.tally());
        self.live.retain(|live| !Arc::ptr_eq(live, recorder));
    }

    pub(crate) fn total(&self) -> Tally {
        let mut total = self.retired.clone();
        for recorder in &self.live {
            total.add(&recorder.tally());
        }
        total
    }
}
