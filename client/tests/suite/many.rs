//! Several keys at once.

use std::collections::HashMap;
use std::sync::Mutex;

use larder_client::Cache;

use crate::support::{builder, millis, minute, started, until};

#[tokio::test]
async fn several_values_are_stored_read_and_deleted() {
    let (_server, cache) = started();
    cache
        .set_many(&[("a", 1_u8), ("b", 2)], minute().tags(["x"]))
        .await
        .unwrap();
    assert_eq!(
        cache.get_many::<u8, _>(&["b", "c", "a"]).await.unwrap(),
        [Some(2), None, Some(1)]
    );
    assert_eq!(cache.invalidate(["x"]).await.unwrap().entries, 2);
    cache
        .set_many(&[("a", 1_u8), ("b", 2)], minute())
        .await
        .unwrap();
    assert_eq!(cache.delete_many(&["a", "b", "c"]).await.unwrap(), 2);
    assert_eq!(cache.get_many::<u8, &str>(&[]).await.unwrap(), []);
}

/// Squares, and what was asked for each time.
async fn squares(
    cache: &Cache,
    keys: &[&str],
    asked: &Mutex<Vec<Vec<String>>>,
) -> HashMap<String, u32> {
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    let compute = async |missing: Vec<String>| {
        asked.lock().unwrap().push(missing.clone());
        let square = |key: String| key.parse::<u32>().ok().map(|n| (key, n * n));
        Ok::<_, ()>(missing.into_iter().filter_map(square).collect())
    };
    cache
        .get_or_compute_many(&keys, minute(), compute)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_missing_is_computed_at_once() {
    let (_server, cache) = started();
    let asked = Mutex::default();
    assert_eq!(
        squares(&cache, &["1", "2"], &asked).await,
        HashMap::from([("1".into(), 1), ("2".into(), 4)])
    );
    let found = squares(&cache, &["3", "2", "x", "1"], &asked).await;
    assert_eq!(
        found,
        HashMap::from([("1".into(), 1), ("2".into(), 4), ("3".into(), 9)])
    );
    assert_eq!(*asked.lock().unwrap(), [vec!["1", "2"], vec!["3", "x"]]);
    assert_eq!(cache.get::<u32>("3").await.unwrap(), Some(9));
    assert!(!cache.exists("x").await.unwrap());
}

#[tokio::test]
async fn what_somebody_else_computes_is_waited_for() {
    let (server, cache) = started();
    let other = builder(&server).build().unwrap();
    let computing = other.get_or_compute("2", minute(), || async {
        until("somebody waits", async || server.blocked() == 1).await;
        Ok::<u32, ()>(4)
    });
    let asked = Mutex::default();
    let batch = async {
        until("the lease is out", async || {
            server.client().text("EXISTS t:2") == ":1"
        })
        .await;
        squares(&cache, &["1", "2"], &asked).await
    };
    let (computed, found) = tokio::join!(computing, batch);
    assert_eq!(computed, Ok(4));
    assert_eq!(found, HashMap::from([("1".into(), 1), ("2".into(), 4)]));
    assert_eq!(*asked.lock().unwrap(), [vec!["1"]]);
}

#[tokio::test]
async fn an_error_gives_all_leases_up() {
    let (server, cache) = started();
    let failed: Result<HashMap<&str, u8>, _> = cache
        .get_or_compute_many(&["a", "b"], minute(), |_| async { Err("down") })
        .await;
    assert_eq!(failed, Err("down"));
    until("the leases are free", async || {
        server.client().text("DBSIZE") == ":0"
    })
    .await;
}

#[tokio::test]
async fn without_redis_all_are_computed() {
    let (mut server, _) = started();
    let cache = builder(&server).timeout(millis(200)).build().unwrap();
    server.kill();
    let asked = Mutex::default();
    assert_eq!(squares(&cache, &["1", "2"], &asked).await.len(), 2);
    assert_eq!(*asked.lock().unwrap(), [vec!["1", "2"]]);
}

#[tokio::test]
async fn a_batch_outlives_a_connection_that_was_closed() {
    let (server, cache) = started();
    let entries = [("a", 1_u8), ("b", 2)];
    cache.set_many(&entries, minute()).await.unwrap();
    let cut = || server.client().text("CLIENT KILL TYPE normal SKIPME yes");
    cut();
    let found = cache.get_many::<u8, _>(&["a", "b"]).await.unwrap();
    assert_eq!(found, [Some(1), Some(2)]);
    cut();
    let save = || async { Ok::<_, ()>(()) };
    cache
        .write_through("c", minute(), &3_u8, save)
        .await
        .unwrap();
    assert_eq!(cache.get::<u8>("c").await.unwrap(), Some(3));
    assert_eq!(cache.stats().errors, 0);
}
