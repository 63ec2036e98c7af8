//! However many ask for a page that nobody has, the database is asked once.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::Shop;

const REQUESTS: usize = 200;

async fn queries_for(shop: &Arc<Shop>, path: &'static str) -> u64 {
    let mut answers = Vec::new();
    let queries = shop
        .queries(async {
            let ask = |_| {
                let shop = Arc::clone(shop);
                async move { shop.json(path).await }
            };
            let herd: JoinSet<Value> = (0..REQUESTS).map(ask).collect();
            answers = herd.join_all().await;
        })
        .await;
    let first: &Value = &answers[0];
    assert!(answers.iter().all(|answer| answer == first), "{path}");
    queries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_requests_make_one_query() {
    let shop = Arc::new(Shop::open().await);
    shop.app.database().set_delay(Duration::from_millis(100));
    for path in [
        "/products?page=2",
        "/products/3",
        "/categories/tables",
        "/brands/kestrel",
        "/basket?ids=7,8,9",
    ] {
        assert_eq!(queries_for(&shop, path).await, 1, "{path}");
    }
    let uncached = "/categories/tables?uncached=true";
    assert_eq!(queries_for(&shop, uncached).await, REQUESTS as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_requests_without_redis_make_one_query() {
    let shop = Arc::new(Shop::open().await);
    shop.app.redis().kill().await.unwrap();
    shop.app.database().set_delay(Duration::from_millis(300));
    assert_eq!(queries_for(&shop, "/categories/tables").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_button_counts_what_the_database_counts() {
    let shop = Shop::open().await;
    shop.app.database().set_delay(Duration::from_millis(50));
    let body = json!({ "requests": REQUESTS });
    let mut told = Value::Null;
    let queries = shop
        .queries(async {
            let answer = shop.send(Method::POST, "/stampede", &body).await;
            told = serde_json::from_str(&answer.text).unwrap();
        })
        .await;
    assert_eq!(
        (&told["cached"]["queries"], &told["cached"]["waited"]),
        (&json!(1), &json!(199))
    );
    assert_eq!(
        (&told["uncached"]["queries"], &told["uncached"]["waited"]),
        (&json!(200), &json!(0))
    );
    assert_eq!(queries, 201);
    assert!(
        told["cached"]["slowest_ms"].as_f64() >= Some(50.0),
        "{told}"
    );
}
