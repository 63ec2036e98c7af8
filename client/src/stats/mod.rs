//! What a cache has done, and how long it took.
//!
//! [`Cache::stats`](crate::Cache::stats) has the numbers of one cache, which its clones share;
//! [`total`] adds up all caches of the process. With the feature `metrics` the same goes to the
//! [`metrics`](https://docs.rs/metrics) facade, each with the label `cache`, the cache's name:
//!
//! | metric | labels |
//! | --- | --- |
//! | `larder_client_reads_total` | `result`: `hit`, `stale`, `near`, `miss`, `shared` or `bypassed` |
//! | `larder_client_computations_total` | `result`: `ok` or `failed` |
//! | `larder_client_errors_total`, `larder_client_fills_refused_total`, `larder_client_undecodable_total` | |
//! | `larder_client_sets_total`, `larder_client_deletes_total`, `larder_client_invalidations_total` | |
//! | `larder_client_lookup_seconds`, `larder_client_compute_seconds` | histograms |
//!
//! A cache asks for its metrics once, when it is built: install the recorder before.

mod event;
#[cfg(feature = "metrics")]
mod facade;
mod histogram;
mod recorder;
mod registry;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use event::Event;
use recorder::Recorder;
use registry::registry;
pub use snapshot::{Latency, Stats};

/// What all caches of this process have done together, those included that are gone.
#[must_use]
pub fn total() -> Stats {
    let tally = registry().total();
    Stats::of(&tally)
}

/// Where one cache and its clones record what they do. Recording never waits.
#[derive(Debug)]
pub(crate) struct Metrics {
    recorder: Arc<Recorder>,
    #[cfg(feature = "metrics")]
    facade: facade::Facade,
}

impl Metrics {
    /// `name` tells caches apart in the facade.
    #[cfg_attr(
        not(feature = "metrics"),
        expect(unused_variables, reason = "for the facade only")
    )]
    pub(crate) fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            recorder: registry().recorder(),
            #[cfg(feature = "metrics")]
            facade: facade::Facade::new(name),
        })
    }

    pub(crate) fn record(&self, event: Event) {
        self.recorder.record(event);
        #[cfg(feature = "metrics")]
        self.facade.record(event);
    }

    /// How long a read took that the cache has answered.
    pub(crate) fn record_lookup(&self, took: Duration) {
        self.recorder.record_lookup(took);
        #[cfg(feature = "metrics")]
        self.facade.record_lookup(took);
    }

    /// How long a computation took, failed or not.
    pub(crate) fn record_compute(&self, took: Duration) {
        self.recorder.record_compute(took);
        #[cfg(feature = "metrics")]
        self.facade.record_compute(took);
    }

    pub(crate) fn snapshot(&self) -> Stats {
        Stats::of(&self.recorder.tally())
    }

    /// Starts again at zero, here and as a part of the total, but not in the facade.
    pub(crate) fn reset(&self) {
        self.recorder.reset();
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        registry().retire(&self.recorder);
    }
}

#[cfg(test)]
mod tests;
