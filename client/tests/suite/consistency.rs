//! Whoever begins to read after a change has been made and told to the cache never gets what was there
//! before, whatever others do at the same time, in this process or in another.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder_client::{Cache, Computed, Policy};
use larder_test_support::{Random, Server};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::support::{builder, millis, minute};

const KEYS: usize = 3;
const CACHES: usize = 4;
const READERS: usize = 8;
const TIME: Duration = Duration::from_secs(3);

/// A record of which only the version counts.
#[derive(Default)]
struct Record {
    /// What the source has.
    version: AtomicU64,
    /// A version that all who begin now must get, or a later one.
    floor: AtomicU64,
    /// One writer at a time: of two, the later value is not known to be the larger one.
    writer: Mutex<()>,
}

type Records = Arc<[Record; KEYS]>;

impl Record {
    async fn read(&self, pause: Duration) -> Result<u64, Infallible> {
        let version = self.version.load(Ordering::SeqCst);
        tokio::time::sleep(pause).await;
        Ok(version)
    }

    /// What is read after this must not be older.
    fn changed(&self) {
        self.floor
            .fetch_max(self.version.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

fn name(key: usize) -> String {
    format!("k{key}")
}

fn policy(key: usize) -> Policy {
    minute().tags([name(key)])
}

async fn read(cache: &Cache, records: &Records, key: usize, pause: Duration, how: usize) {
    let record = &records[key];
    let floor = record.floor.load(Ordering::SeqCst);
    let got = match how {
        0 => cache.get::<u64>(&name(key)).await.unwrap().unwrap_or(floor),
        1 => {
            let compute = || async {
                record
                    .read(pause)
                    .await
                    .map(|version| Computed::new(version).uncached())
            };
            cache
                .fetch(&name(key), policy(key), compute)
                .await
                .unwrap()
                .value
        }
        2 => {
            let compute = async |missing: Vec<String>| {
                let version = record.read(pause).await?;
                Ok::<_, Infallible>(missing.into_iter().map(|key| (key, version)).collect())
            };
            let names = [name(key)];
            cache
                .get_or_compute_many(&names, policy(key), compute)
                .await
                .unwrap()[&names[0]]
        }
        3 => cache
            .refresh(&name(key), policy(key), || record.read(pause))
            .await
            .unwrap(),
        _ => cache
            .get_or_compute(&name(key), policy(key), || record.read(pause))
            .await
            .unwrap(),
    };
    assert!(
        got >= floor,
        "version {got} of {key} after {floor}, read in way {how}"
    );
}

async fn change(cache: &Cache, records: &Records, key: usize, how: usize) {
    let record = &records[key];
    let _turn = record.writer.lock().await;
    let next = record.version.load(Ordering::SeqCst) + 1;
    let save = || async {
        record.version.store(next, Ordering::SeqCst);
        Ok::<_, Infallible>(())
    };
    match how {
        0 => cache
            .write_through(&name(key), policy(key), &next, save)
            .await
            .unwrap(),
        1 => cache.delete_through(&name(key), save).await.unwrap(),
        2 => {
            save().await.unwrap();
            cache.set(&name(key), &next, policy(key)).await.unwrap();
        }
        3 => {
            save().await.unwrap();
            cache.delete(&name(key)).await.unwrap();
        }
        _ => {
            save().await.unwrap();
            cache.invalidate([name(key)]).await.unwrap();
        }
    }
    record.changed();
}

async fn play(seed: u64, cache: Cache, records: Records, writes: bool) {
    let mut random = Random::new(seed);
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        let (key, how) = (random.below(KEYS), random.below(8));
        if writes {
            change(&cache, &records, key, how).await;
            tokio::time::sleep(millis(random.below(20) as u64)).await;
        } else {
            read(&cache, &records, key, millis(random.below(8) as u64), how).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_gets_what_was_there_before_a_change() {
    let server = Server::start();
    let records = Records::default();
    let mut players = JoinSet::new();
    for n in 0..CACHES as u64 {
        let cache = builder(&server).build().unwrap();
        for reader in 0..READERS as u64 {
            players.spawn(play(
                n * 100 + reader,
                cache.clone(),
                Arc::clone(&records),
                false,
            ));
        }
        players.spawn(play(n * 100 + 99, cache, Arc::clone(&records), true));
    }
    players.join_all().await;
    let changes: u64 = records
        .iter()
        .map(|record| record.version.load(Ordering::SeqCst))
        .sum();
    assert!(changes > 20, "{changes} changes");
}
