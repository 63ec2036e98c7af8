//! Caches on servers of their own, and sources that count how often they are asked.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder_client::{Builder, Cache, Policy};
use larder_test_support::Server;

pub(crate) fn builder(server: &Server) -> Builder {
    Cache::builder(format!("redis://127.0.0.1:{}", server.port()))
        .namespace("t")
        .timeout(Duration::from_secs(5))
}

/// A server, and a cache that has time: this machine may be busy.
pub(crate) fn started() -> (Server, Cache) {
    let server = Server::start();
    let cache = builder(&server).build().unwrap();
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

    pub(crate) async fn next(&self) -> Result<usize, Infallible> {
        Ok(self.calls.fetch_add(1, Ordering::SeqCst) + 1)
    }

    pub(crate) async fn next_after(&self, pause: Duration) -> Result<usize, Infallible> {
        let n = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(pause).await;
        Ok(n)
    }
}

/// Polls `condition` until it holds, while other tasks go on.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(std::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(millis(2)).await;
    }
}
