//! A server with a cache, and sources that count how often they are asked.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use larder_client::{Builder, Cache};
use larder_test_support::Server;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn builder(server: &Server) -> Builder {
    Cache::builder(format!("redis://127.0.0.1:{}", server.port())).timeout(Duration::from_secs(5))
}

/// A server, and a cache that has time: this machine may be busy.
pub(crate) fn started() -> (Server, Cache) {
    let server = Server::start();
    let cache = builder(&server).build().unwrap();
    (server, cache)
}

/// A cache whose server does not exist.
pub(crate) fn unreachable_cache() -> Cache {
    Cache::builder("redis://127.0.0.1:1").build().unwrap()
}

/// How often a body has run.
#[derive(Debug, Default)]
pub(crate) struct Calls(AtomicU32);

impl Calls {
    /// Counts a call, and gives its number.
    pub(crate) fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Calls until two calls in a row give the same. After a value that was not kept, the next ones are
/// not kept either for a moment.
pub(crate) async fn settled<T: PartialEq + Debug>(mut call: impl AsyncFnMut() -> T) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut last = call().await;
    loop {
        let next = call().await;
        if next == last {
            return next;
        }
        assert!(
            Instant::now() < deadline,
            "never the same: {last:?}, {next:?}"
        );
        last = next;
    }
}
