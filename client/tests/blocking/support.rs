//! Caches on servers of their own, and sources that count how often they are asked.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use larder_client::blocking::Cache;
use larder_client::{Builder, Policy};
use larder_test_support::Server;

pub(crate) fn builder(server: &Server) -> Builder {
    Cache::builder(format!("redis://127.0.0.1:{}", server.port()))
        .namespace("t")
        .timeout(Duration::from_secs(5))
}

/// A server, and a cache that has time: this machine may be busy.
pub(crate) fn started() -> (Server, Cache) {
    let server = Server::start();
    let cache = builder(&server).build_blocking().unwrap();
    (server, cache)
}

pub(crate) fn minute() -> Policy {
    Policy::ttl(Duration::from_secs(60))
}

pub(crate) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A slow source that numbers its answers from 1.
#[derive(Clone, Default)]
pub(crate) struct Counter {
    calls: Arc<AtomicUsize>,
}

impl Counter {
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn next(&self) -> Result<usize, Infallible> {
        Ok(self.calls.fetch_add(1, Ordering::SeqCst) + 1)
    }

    pub(crate) fn next_after(&self, pause: Duration) -> Result<usize, Infallible> {
        let n = self.next();
        thread::sleep(pause);
        n
    }
}

/// Polls `condition` until it holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(millis(2));
    }
}

/// What `n` threads give that all do the same at the same time.
pub(crate) fn side_by_side<T: Send>(n: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..n).map(|_| scope.spawn(&work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}
