//! Changes of the source: the cache never keeps the older value.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use larder_client::{RecordSource, Repository};

use crate::support::{builder, millis, minute, started, until};

#[tokio::test]
async fn a_saved_value_is_there_without_asking_the_source() {
    let (_server, cache) = started();
    let saved = cache
        .write_through("k", minute(), &5_u8, || async { Ok::<_, ()>("saved") })
        .await;
    assert_eq!(saved, Ok("saved"));
    assert_eq!(cache.get::<u8>("k").await.unwrap(), Some(5));
}

#[tokio::test]
async fn what_could_not_be_saved_is_not_stored() {
    let (server, cache) = started();
    cache.set("k", &1_u8, minute()).await.unwrap();
    let failed = cache
        .write_through("k", minute(), &5_u8, || async { Err::<(), _>("read-only") })
        .await;
    assert_eq!(failed, Err("read-only"));
    server.client().check("CACHE.INFO t:k", "nil");
}

#[tokio::test]
async fn who_read_the_source_before_does_not_store_it_after() {
    let (_server, cache) = started();
    let value = cache
        .get_or_compute("k", minute(), || async {
            // Read: 1. Meanwhile another caller writes 2.
            cache
                .write_through("k", minute(), &2_u8, || async { Ok::<_, Infallible>(()) })
                .await
                .unwrap();
            Ok::<u8, ()>(1)
        })
        .await;
    assert_eq!(value, Ok(1));
    assert_eq!(cache.get::<u8>("k").await.unwrap(), Some(2));
}

#[tokio::test]
async fn of_two_writers_at_a_time_neither_value_is_kept() {
    let (server, cache) = started();
    let other = builder(&server).build().unwrap();
    let saved = cache
        .write_through("k", minute(), &1_u8, || async {
            other
                .write_through("k", minute(), &2_u8, || async { Ok::<_, Infallible>(()) })
                .await
        })
        .await;
    assert_eq!(saved, Ok(()));
    assert!(!cache.exists("k").await.unwrap());
}

#[tokio::test]
async fn readers_wait_for_a_write_that_has_begun() {
    let (server, cache) = started();
    let other = builder(&server).build().unwrap();
    let writing = cache.write_through("k", minute(), &5_u8, || async {
        until("a reader waits", async || server.blocked() == 1).await;
        Ok::<_, Infallible>(())
    });
    let reading = async {
        until("the write has begun", async || {
            server.client().text("EXISTS t:k") == ":1"
        })
        .await;
        other
            .get_or_compute("k", minute(), || async {
                Err::<u8, _>("the source is not asked")
            })
            .await
    };
    assert_eq!(tokio::join!(writing, reading), (Ok(()), Ok(5)));
}

#[tokio::test]
async fn a_deletion_that_redis_missed_is_made_up_for() {
    let (server, _) = started();
    let cache = builder(&server)
        .timeout(millis(100))
        .circuit_breaker(1, millis(50))
        .build()
        .unwrap();
    cache.set("k", &1_u8, minute()).await.unwrap();
    server.freeze();
    cache
        .delete_through("k", || async { Ok::<_, Infallible>(()) })
        .await
        .unwrap();
    server.thaw();
    until("the old value is gone", async || {
        server.client().text("EXISTS t:k") == ":0"
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_write_leaves_nothing_behind() {
    let (server, cache) = started();
    cache.set("k", &1_u8, minute()).await.unwrap();
    let writing = cache.write_through("k", minute(), &2_u8, || async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok::<_, Infallible>(())
    });
    assert!(tokio::time::timeout(millis(100), writing).await.is_err());
    until("nothing is left", async || {
        server.client().text("CACHE.INFO t:k") == "nil"
    })
    .await;
}

/// A table in memory that notes how often it is read.
#[derive(Default)]
struct Table {
    rows: Mutex<HashMap<u64, String>>,
    reads: Mutex<usize>,
}

impl RecordSource for Table {
    type Key = u64;
    type Record = String;
    type Error = Infallible;

    async fn load(&self, key: &u64) -> Result<Option<String>, Infallible> {
        *self.reads.lock().unwrap() += 1;
        Ok(self.rows.lock().unwrap().get(key).cloned())
    }

    async fn save(&self, key: &u64, record: &String) -> Result<(), Infallible> {
        self.rows.lock().unwrap().insert(*key, record.clone());
        Ok(())
    }

    async fn remove(&self, key: &u64) -> Result<(), Infallible> {
        self.rows.lock().unwrap().remove(key);
        Ok(())
    }
}

#[tokio::test]
async fn a_repository_reads_from_the_cache_and_writes_to_the_source() {
    let (_server, cache) = started();
    let users = Repository::new(
        &cache,
        "user",
        minute().negative_ttl(millis(60_000)),
        Table::default(),
    );
    assert_eq!(users.load(&1).await, Ok(None));
    assert_eq!(users.load(&1).await, Ok(None));
    users.save(&1, &"Ada".to_owned()).await.unwrap();
    assert_eq!(users.load(&1).await, Ok(Some("Ada".to_owned())));
    assert_eq!(*users.source().reads.lock().unwrap(), 1);
    users.remove(&1).await.unwrap();
    assert_eq!(users.load(&1).await, Ok(None));
    assert_eq!(*users.source().reads.lock().unwrap(), 2);
}
