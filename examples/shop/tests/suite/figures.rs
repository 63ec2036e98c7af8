//! The figures are those of the server and of the client.

use std::collections::HashMap;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Shop, VIEWS};

/// Some of everything: misses, hits, a change.
async fn used() -> Shop {
    let shop = Shop::open().await;
    for _ in 0..3 {
        for view in VIEWS {
            shop.json(view).await;
        }
    }
    shop.reprice(3, 4_242).await;
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statistics_are_those_of_the_server() {
    let shop = used().await;
    let told = shop.json("/cache/stats").await;
    let counted: HashMap<String, f64> = shop.redis("CACHE.STATS").await;
    assert!(counted["hits"] > 0.0 && counted["invalidations"] > 0.0);
    for (name, value) in &counted {
        assert_eq!(told["server"][name].as_f64(), Some(*value), "{name}");
    }
    assert_eq!(told["server"].as_object().unwrap().len(), counted.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_has_counted_the_same() {
    let shop = used().await;
    let told = shop.json("/cache/stats").await;
    let (client, server) = (&told["client"], &told["server"]);
    for name in ["hits", "sets", "invalidations"] {
        assert_eq!(
            client[name].as_f64(),
            server[name].as_f64(),
            "{name}: {told}"
        );
    }
    // For the server a batch that has looked in vain and a write ask for their leases by commands of
    // their own, which find nothing.
    let (client_misses, server_misses) = (client["misses"].as_f64(), server["misses"].as_f64());
    assert_eq!(
        client_misses.map(|misses| misses + 2.0),
        server_misses,
        "{told}"
    );
    // Each miss is a query, and so is the change.
    let queries = told["source"]["queries"].as_f64();
    assert_eq!(client_misses.map(|misses| misses + 1.0), queries, "{told}");
    assert_eq!(
        (&client["bypasses"], &client["errors"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_is_told_the_same() {
    let shop = used().await;
    let told = shop.json("/cache/stats").await;
    let text = shop.get("/metrics").await.text;
    let sample = |name: &str| -> f64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is not in\n{text}"))
            .parse()
            .unwrap()
    };
    let hits = sample("larder_client_reads_total{result=\"hit\"}");
    assert_eq!(Some(hits), told["client"]["hits"].as_f64());
    for (name, field) in [
        ("larder_server_hits_total", "hits"),
        ("larder_server_hit_rate", "hit-rate"),
        ("larder_server_entries", "entries"),
        ("larder_server_compute_ms_total", "compute-ms-total"),
    ] {
        assert_eq!(Some(sample(name)), told["server"][field].as_f64(), "{name}");
    }
    assert_eq!(sample("larder_up"), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_described_once_and_before_its_samples() {
    let shop = used().await;
    let text = shop.get("/metrics").await.text;
    let mut types = HashMap::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').unwrap();
            assert_eq!(types.insert(name, kind), None, "{name} is described twice");
        } else if !line.starts_with('#') {
            let name = line.split([' ', '{']).next().unwrap();
            let summary = name.trim_end_matches("_sum").trim_end_matches("_count");
            let is_summary = types.get(summary) == Some(&"summary");
            assert!(types.contains_key(name) || is_summary, "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_tags_can_be_seen_and_invalidated() {
    let shop = used().await;
    shop.json("/basket?ids=1,2,3,4,5").await;
    let live = shop.json("/live").await;
    assert_eq!(
        live["largest_tags"][0],
        json!({ "tag": "products", "entries": 5 })
    );
    let tag = json!({ "tag": "products" });
    let answer = shop.send(Method::POST, "/cache/invalidate", &tag).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::OK, r#"{"entries":5}"#)
    );
    assert_eq!(shop.queries(shop.json("/products/3")).await, 1);
    assert_ne!(
        shop.json("/live").await["largest_tags"][0],
        live["largest_tags"][0]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_taken_within_their_limits() {
    let shop = Shop::open().await;
    let set = async |settings: Value| shop.send(Method::PUT, "/settings", &settings).await.status;
    assert_eq!(
        set(json!({ "delay_ms": 7, "visitors": 9 })).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        set(json!({ "delay_ms": 60_000 })).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        set(json!({ "visitors": 100_000 })).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let live = shop.json("/live").await;
    assert_eq!(
        (&live["source"]["delay_ms"], &live["visitors"]),
        (&json!(7), &json!(9))
    );
}
