//! What the cache costs the application: a hit beside a plain `GET`, and calls while Redis is away.
//!
//! `cargo bench -p larder-client --bench overhead`. All contenders take turns on one server and one
//! kind of connection; tables show medians, ratios are formed within a round.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark that cannot go on has failed"
)]

mod contest;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use larder_client::{Cache, Policy};
use larder_test_support::Server;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::contest::{connect, median};

const ROUNDS: usize = 15;
const CALLS: usize = 4000;

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

fn minute() -> Policy {
    Policy::ttl(Duration::from_secs(600))
}

#[tokio::main]
async fn main() {
    let server = Server::start();
    let url = format!("redis://127.0.0.1:{}", server.port());
    let cache = Cache::builder(url.as_str()).build().unwrap();
    let plain = connect(&url).await;
    hits(&cache, plain).await;
    away(server).await;
}

async fn hits(cache: &Cache, mut plain: MultiplexedConnection) {
    let json = serde_json::to_vec(&product()).unwrap();
    let () = redis::cmd("SET")
        .arg("plain")
        .arg(json)
        .arg("EX")
        .arg(600)
        .query_async(&mut plain)
        .await
        .unwrap();
    cache.set("cached", &product(), minute()).await.unwrap();
    println!("A hit, {CALLS} in each of {ROUNDS} rounds (median over rounds):\n");
    println!(
        "| callers at a time | redis-rs `get` + serde_json | `get` | `get_or_compute` | ratio |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for callers in [1, 32] {
        let (mut natives, mut gets, mut computed, mut ratios) = (vec![], vec![], vec![], vec![]);
        for round in 0..=ROUNDS {
            let native = timed(callers, || get_plain(plain.clone())).await;
            let got = timed(callers, || get(cache.clone())).await;
            let hit = timed(callers, || get_or_compute(cache.clone())).await;
            // The first round warms up.
            if round > 0 {
                natives.push(native);
                gets.push(got);
                computed.push(hit);
                ratios.push(hit / native);
            }
        }
        let [native, got, hit, ratio] = [natives, gets, computed, ratios].map(median);
        println!("| {callers} | {native:.1} µs | {got:.1} µs | {hit:.1} µs | {ratio:.2} |");
    }
}

async fn get_plain(mut connection: MultiplexedConnection) {
    let json: Vec<u8> = redis::AsyncCommands::get(&mut connection, "plain")
        .await
        .unwrap();
    let product: Product = serde_json::from_slice(&json).unwrap();
    assert_eq!(product.id, 7);
}

async fn get(cache: Cache) {
    let product: Option<Product> = cache.get("cached").await.unwrap();
    assert_eq!(product.unwrap().id, 7);
}

async fn get_or_compute(cache: Cache) {
    let product: Result<Product, Infallible> = cache
        .get_or_compute("cached", &minute(), || async { panic!("it is there") })
        .await;
    assert_eq!(product.unwrap().id, 7);
}

/// Microseconds per call, with so many callers at a time.
async fn timed<F, Fut>(callers: usize, call: F) -> f64
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let before = Instant::now();
    if callers == 1 {
        for _ in 0..CALLS {
            call().await;
        }
    } else {
        for _ in 0..CALLS / callers {
            let mut set = JoinSet::new();
            (0..callers).for_each(|_| drop(set.spawn(call())));
            set.join_all().await;
        }
    }
    before.elapsed().as_secs_f64() * 1e6 / CALLS as f64
}

/// Ten thousand different keys whose source takes a millisecond.
async fn away(mut server: Server) {
    println!(
        "\n10,000 calls of `get_or_compute` at once, how much later than their source (1 ms) they answer:\n"
    );
    println!("| Redis is | median | 99 % | longest |");
    println!("| --- | --- | --- | --- |");
    let url = format!("redis://127.0.0.1:{}", server.port());
    let cache = Cache::builder(url.as_str())
        .timeout(Duration::from_millis(250))
        .build()
        .unwrap();
    cache.set("k", &1, minute()).await.unwrap();
    delays("there", &cache).await;
    server.freeze();
    delays("frozen a moment ago (timeout 250 ms)", &cache).await;
    delays("frozen, the breaker open", &cache).await;
    server.thaw();
    server.kill();
    let fresh = Cache::builder(url.as_str()).build().unwrap();
    delays("dead", &fresh).await;
    delays("dead, the breaker open", &fresh).await;
}

async fn delays(what: &str, cache: &Cache) {
    let mut calls = JoinSet::new();
    for n in 0..10_000 {
        let (cache, key) = (cache.clone(), format!("{what}:{n}"));
        calls.spawn(async move {
            let before = Instant::now();
            let mut took = Duration::ZERO;
            let source = async || {
                let before = Instant::now();
                tokio::time::sleep(Duration::from_millis(1)).await;
                took = before.elapsed();
                Ok::<_, Infallible>(n)
            };
            let answer = cache.get_or_compute(&key, &minute(), source).await;
            assert_eq!(answer, Ok(n));
            (before.elapsed() - took).as_secs_f64() * 1e3
        });
    }
    let mut delays = calls.join_all().await;
    delays.sort_by(f64::total_cmp);
    let [median, high, longest] = [5_000, 9_900, 9_999].map(|n: usize| delays[n]);
    println!("| {what} | {median:.2} ms | {high:.2} ms | {longest:.2} ms |");
}
