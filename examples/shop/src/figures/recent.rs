//! The last minute, second by second: what the page draws.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use larder_client::stats::Stats;
use serde::Serialize;

use crate::app::App;

/// How many seconds are kept.
const SECONDS: usize = 60;

/// What happened in one second.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Second {
    /// Answers of the catalogue.
    answers: usize,
    /// The share of reads that were hits; none if there were no reads.
    hit_rate: Option<f64>,
    /// Queries of the database.
    queries: u64,
    /// The median of answers that went by the cache, hit or miss, in milliseconds.
    cached_ms: Option<f64>,
    /// The median of those that went straight to the database.
    uncached_ms: Option<f64>,
}

/// Answers of the second that runs, and figures of those before.
#[derive(Default)]
pub(crate) struct Recent {
    running: Mutex<Running>,
    seconds: Mutex<VecDeque<Second>>,
}

#[derive(Default)]
struct Running {
    cached: Vec<Duration>,
    uncached: Vec<Duration>,
}

impl Recent {
    /// Around the catalogue: takes the time of every read.
    pub(crate) async fn measure(
        State(recent): State<Arc<Self>>,
        request: Request,
        next: Next,
    ) -> Response {
        let is_read = request.method() == Method::GET;
        let query = request.uri().query().unwrap_or_default();
        let is_uncached = query.split('&').any(|part| part == "uncached=true");
        let started = Instant::now();
        let response = next.run(request).await;
        if is_read {
            let mut running = lock(&recent.running);
            let times = if is_uncached {
                &mut running.uncached
            } else {
                &mut running.cached
            };
            times.push(started.elapsed());
        }
        response
    }

    pub(crate) fn seconds(&self) -> Vec<Second> {
        lock(&self.seconds).iter().cloned().collect()
    }

    fn end_second(&self, before: &(Stats, u64), now: &(Stats, u64)) {
        let Running {
            mut cached,
            mut uncached,
        } = std::mem::take(&mut *lock(&self.running));
        let second = Second {
            answers: cached.len() + uncached.len(),
            hit_rate: hit_rate(&before.0, &now.0),
            queries: now.1 - before.1,
            cached_ms: median_ms(&mut cached),
            uncached_ms: median_ms(&mut uncached),
        };
        let mut seconds = lock(&self.seconds);
        seconds.push_back(second);
        while seconds.len() > SECONDS {
            seconds.pop_front();
        }
    }
}

impl App {
    /// Sums up every second.
    pub(crate) async fn keep_figures(self: Arc<Self>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let figures = || (self.shop.cache.stats(), self.shop.database.queries());
        let mut before = figures();
        loop {
            tick.tick().await;
            let now = figures();
            self.recent.end_second(&before, &now);
            before = now;
        }
    }
}

fn hit_rate(before: &Stats, now: &Stats) -> Option<f64> {
    let hits = |stats: &Stats| stats.hits + stats.stale_hits + stats.near_hits;
    let reads = now.reads() - before.reads();
    (reads > 0).then(|| (hits(now) - hits(before)) as f64 / reads as f64)
}

pub(crate) fn median_ms(times: &mut [Duration]) -> Option<f64> {
    times.sort_unstable();
    times.get(times.len() / 2).map(millis)
}

pub(crate) fn millis(time: &Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
