//! What a near hit costs, how much memory an entry takes, and how late news of a change is.
//!
//! `cargo bench -p larder-client --features near-cache --bench near`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark that cannot go on has failed"
)]

use std::convert::Infallible;
use std::time::{Duration, Instant};

use larder_client::{Cache, Policy, Raw};
use larder_test_support::Server;
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 31;
const CALLS: u32 = 100_000;
const ENTRIES: usize = 100_000;
const INVALIDATIONS: u32 = 10_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Product {
    id: u64,
    name: String,
    price: f64,
    tags: Vec<String>,
}

fn product() -> Product {
    Product {
        id: 7,
        name: "Espresso cup, porcelain".to_owned(),
        price: 12.5,
        tags: vec!["kitchen".to_owned(), "gift".to_owned()],
    }
}

fn policy() -> Policy {
    Policy::ttl(Duration::from_secs(600)).tags(["products"])
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let server = Server::start();
    let url = format!("redis://127.0.0.1:{}", server.port());
    let near = || Cache::builder(url.as_str()).near_cache(1 << 30);
    let cache = near().build().unwrap();
    let other = Cache::builder(url.as_str())
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    hits(&cache, &other).await;
    memory(&near().build().unwrap(), &other).await;
    lag(&near().build().unwrap(), &other).await;
}

/// Reads until the server is not asked any more.
async fn warm(cache: &Cache, key: &str) {
    let before = cache.stats().near_hits;
    while cache.stats().near_hits == before {
        cache.get::<Raw>(key).await.unwrap();
        tokio::task::yield_now().await;
    }
}

async fn hits(cache: &Cache, other: &Cache) {
    other.set("product", &product(), policy()).await.unwrap();
    warm(cache, "product").await;
    let json = serde_json::to_vec(&product()).unwrap();
    println!(
        "A near hit, median (and the slowest) of {ROUNDS} rounds of {CALLS} calls; the value is JSON of {} bytes:\n",
        json.len()
    );
    println!("| | ns |\n| --- | --- |");
    let decoding = async || {
        std::hint::black_box(serde_json::from_slice::<Product>(&json).unwrap());
    };
    print("`serde_json::from_slice` alone", decoding).await;
    print("`get::<Raw>`", async || {
        drop(cache.get::<Raw>("product").await.unwrap().unwrap());
    })
    .await;
    print("`get::<Product>`", async || {
        drop(cache.get::<Product>("product").await.unwrap().unwrap());
    })
    .await;
    let ttl = policy();
    let source = || async { Ok::<_, Infallible>(product()) };
    let computed = async || {
        let found = cache.get_or_compute("product", &ttl, source).await;
        drop(found.unwrap());
    };
    print("`get_or_compute::<Product>`", computed).await;
    println!();
}

async fn print(what: &str, call: impl AsyncFn()) {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let before = Instant::now();
        for _ in 0..CALLS {
            call().await;
        }
        rounds.push(before.elapsed() / CALLS);
        tokio::task::yield_now().await;
    }
    rounds.sort_unstable();
    println!(
        "| {what} | {} ({}) |",
        rounds[ROUNDS / 2].as_nanos(),
        rounds[ROUNDS - 1].as_nanos()
    );
}

async fn memory(cache: &Cache, other: &Cache) {
    const VALUE: usize = 100;
    let value = Raw::from(vec![b'x'; VALUE]);
    let entries: Vec<(String, Raw)> = (0..ENTRIES)
        .map(|n| (format!("entry:{n:06}"), value.clone()))
        .collect();
    for some in entries.chunks(1000) {
        other.set_many(some, policy()).await.unwrap();
    }
    warm(cache, &entries[0].0).await;
    let before = resident();
    for (key, _) in &entries {
        cache.get::<Raw>(key).await.unwrap();
    }
    let taken = (resident() - before) / ENTRIES;
    println!(
        "An entry takes {} bytes beside its key and value.\n",
        taken - entries[0].0.len() - VALUE
    );
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim()
        .trim_end_matches(" kB")
        .parse::<usize>()
        .unwrap()
        * 1024
}

async fn lag(cache: &Cache, other: &Cache) {
    let mut late = Vec::new();
    for n in 0..INVALIDATIONS {
        other.set("lag", &n, policy()).await.unwrap();
        warm(cache, "lag").await;
        assert_eq!(cache.get::<u32>("lag").await.unwrap(), Some(n));
        other.invalidate(["products"]).await.unwrap();
        let replied = Instant::now();
        let mut last = Duration::ZERO;
        loop {
            let at = replied.elapsed();
            if cache.get::<u32>("lag").await.unwrap() != Some(n) {
                break;
            }
            last = at;
            tokio::task::yield_now().await;
        }
        late.push(last);
    }
    late.sort_unstable();
    let at = |percent: usize| late[(late.len() - 1) * percent / 100];
    let none = late.iter().filter(|lag| lag.is_zero()).count();
    println!(
        "From the reply of `invalidate` to the last near hit with the old value, {INVALIDATIONS} times:"
    );
    println!(
        "p50 {:?}, p99 {:?}, max {:?}; none at all {none} times.",
        at(50),
        at(99),
        at(100)
    );
}
