//! The near cache: nothing is asked for twice, and nothing is served that has changed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder_client::{Builder, Cache, Error, Policy, Source};
use larder_test_support::Server;

use crate::support::{Counter, builder, millis, minute, started, until};

/// Longer than this machine is ever too busy for.
const PATIENT: Duration = Duration::from_secs(20);

fn near_builder(server: &Server) -> Builder {
    builder(server)
        .near_cache(1 << 20)
        .near_cache_max_lag(PATIENT)
}

/// A server, a cache with a near cache in front of it, and one without, as of another process.
fn near() -> (Server, Cache, Cache) {
    let (server, other) = started();
    let cache = near_builder(&server).build().unwrap();
    (server, cache, other)
}

/// Reads a value until it comes from the near cache.
async fn is_near(cache: &Cache, key: &str, value: u32) {
    until("it is near", async || {
        let before = cache.stats().near_hits;
        assert_eq!(cache.get(key).await.unwrap(), Some(value));
        cache.stats().near_hits > before
    })
    .await;
}

async fn becomes(cache: &Cache, key: &str, value: Option<u32>) {
    until("the change is seen", async || {
        cache.get::<u32>(key).await.unwrap() == value
    })
    .await;
}

/// How often the server was asked for values.
fn reads(server: &Server) -> String {
    let stats = server.client().text("INFO commandstats");
    let reads = stats.split("\\r\\n").flat_map(str::lines).filter(|line| {
        ["cache.get:", "cache.getorlock:", "cache.tags:"]
            .iter()
            .any(|name| line.to_lowercase().contains(name))
    });
    let calls: Vec<&str> = reads.filter_map(|line| line.split(',').next()).collect();
    assert!(!calls.is_empty(), "{stats}");
    calls.join(" ")
}

#[tokio::test]
async fn a_near_hit_asks_nobody() {
    let (server, cache, other) = near();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    let (before, hits) = (reads(&server), cache.stats().near_hits);
    let source = Counter::default();
    for _ in 0..500 {
        assert_eq!(cache.get::<usize>("k").await.unwrap(), Some(1));
        let computed = cache.get_or_compute("k", minute(), || source.next()).await;
        assert_eq!(computed, Ok(1));
    }
    assert_eq!(reads(&server), before);
    assert_eq!(cache.stats().near_hits, hits + 1000);
    assert_eq!(source.calls(), 0);
}

#[tokio::test]
async fn what_is_computed_is_near_from_the_next_read_on() {
    let (_server, cache, _) = near();
    let source = Counter::default();
    until("it is near", async || {
        let before = cache.stats().near_hits;
        let value = cache.get_or_compute("k", minute(), || source.next()).await;
        assert_eq!(value, Ok(1));
        cache.stats().near_hits > before
    })
    .await;
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn the_server_counts_a_miss_once() {
    let (server, cache, other) = near();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    let count = |name: &str| server.client().stats().int(name);
    let (misses, looks) = (count("misses"), cache.stats().misses);
    let source = Counter::default();
    for key in ["a", "b"] {
        let computed = cache.get_or_compute(key, minute(), || source.next()).await;
        assert!(computed.is_ok());
        assert_eq!(cache.get::<u32>("nothing").await.unwrap(), None);
    }
    assert_eq!(
        (count("misses") - misses, cache.stats().misses - looks),
        (4, 4)
    );
}

#[tokio::test]
async fn a_change_by_another_process_is_seen() {
    let (server, cache, other) = near();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    other.set("k", &2, minute()).await.unwrap();
    becomes(&cache, "k", Some(2)).await;
    is_near(&cache, "k", 2).await;
    other.delete("k").await.unwrap();
    becomes(&cache, "k", None).await;
    other.set("k", &3, minute()).await.unwrap();
    is_near(&cache, "k", 3).await;
    server.client().check("PEXPIREAT t:k 1", ":1");
    becomes(&cache, "k", None).await;
}

#[tokio::test]
async fn an_invalidated_tag_is_seen() {
    let (_server, cache, other) = near();
    let tagged = minute().tags(["x", "y"]);
    other.set("k", &1, &tagged).await.unwrap();
    is_near(&cache, "k", 1).await;
    other.invalidate(["z"]).await.unwrap();
    is_near(&cache, "k", 1).await;
    other.invalidate(["y"]).await.unwrap();
    becomes(&cache, "k", None).await;
}

#[tokio::test]
async fn a_marked_tag_is_seen() {
    let (_server, cache, other) = near();
    let tagged = minute().grace(Duration::from_secs(60)).tags(["x"]);
    other.set("k", &1, &tagged).await.unwrap();
    is_near(&cache, "k", 1).await;
    other.mark_stale(["x"]).await.unwrap();
    becomes(&cache, "k", None).await;
    let stale = cache.get_stale::<u32>("k").await.unwrap().unwrap();
    assert_eq!((stale.value, stale.source), (1, Source::Stale));
}

#[tokio::test]
async fn a_flush_is_seen() {
    let (server, cache, other) = near();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    server.client().check("FLUSHALL", "OK");
    becomes(&cache, "k", None).await;
}

#[tokio::test]
async fn nothing_is_served_past_its_end() {
    let (_server, cache, other) = near();
    let ttl = millis(400);
    other.set("k", &1, Policy::ttl(ttl)).await.unwrap();
    // The server's clock shows whole ms, the last of which is still part of a key's life.
    let end = Instant::now() + ttl + millis(1);
    is_near(&cache, "k", 1).await;
    until("it ends", async || {
        let now = Instant::now();
        let value = cache.get::<u32>("k").await.unwrap();
        assert!(now <= end || value.is_none(), "{:?} late", now - end);
        value.is_none()
    })
    .await;
}

#[tokio::test]
async fn nothing_is_kept_for_longer_than_the_cache_allows() {
    let (server, _, other) = near();
    let cache = near_builder(&server)
        .near_cache_ttl(millis(50))
        .build()
        .unwrap();
    other.set("k", &1, Policy::forever()).await.unwrap();
    is_near(&cache, "k", 1).await;
    let before = reads(&server);
    until("it is read again", async || {
        assert_eq!(cache.get::<u32>("k").await.unwrap(), Some(1));
        reads(&server) != before
    })
    .await;
}

#[tokio::test]
async fn what_this_process_does_it_sees_at_once() {
    let (_server, cache, other) = near();
    let tagged = minute().grace(Duration::from_secs(60)).tags(["x"]);
    for n in 0..50 {
        other.set("k", &n, &tagged).await.unwrap();
        becomes(&cache, "k", Some(n)).await;
        is_near(&cache, "k", n).await;
        let expected = match n % 7 {
            0 => cache.set("k", &1000, &tagged).await.map(|()| Some(1000)),
            1 => cache.delete("k").await.map(|_| None),
            2 => cache.invalidate(["x"]).await.map(|_| None),
            3 => cache.mark_stale(["x"]).await.map(|_| None),
            4 => cache
                .set_many(&[("k", 1001)], &tagged)
                .await
                .map(|()| Some(1001)),
            5 => cache.delete_many(&["k"]).await.map(|_| None),
            _ => cache.clear_prefix("k").await.map(|_| None),
        };
        assert_eq!(
            cache.get::<u32>("k").await.unwrap(),
            expected.unwrap(),
            "{n}"
        );
    }
}

#[tokio::test]
async fn what_is_written_through_is_seen_at_once() {
    let (_server, cache, other) = near();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    let saved = cache
        .write_through("k", minute(), &2, || async { Ok::<_, ()>(()) })
        .await;
    assert_eq!(saved, Ok(()));
    assert_eq!(cache.get::<u32>("k").await.unwrap(), Some(2));
}

#[tokio::test]
async fn with_its_connection_goes_all_that_is_near() {
    let (server, cache, other) = near();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    let mut c = server.client();
    // Nobody is told of the change: its connection has ended before.
    c.check("MULTI", "OK");
    c.check("CLIENT KILL TYPE pubsub", "QUEUED");
    c.check("CACHE.SET t:k 2 EX 60", "QUEUED");
    c.check("EXEC", "[:1 OK]");
    becomes(&cache, "k", Some(2)).await;
    is_near(&cache, "k", 2).await;
}

/// How often the server was asked for a sign of life, among the rest.
fn beats(server: &Server) -> String {
    let stats = server.client().text("INFO commandstats");
    let beats = stats.to_lowercase().find("cache.unlock:calls=");
    beats.map_or_else(String::new, |at| {
        stats[at..].chars().take_while(|c| *c != ',').collect()
    })
}

#[tokio::test]
async fn a_server_that_is_silent_is_not_believed_for_long() {
    let (server, _, other) = near();
    let lag = Duration::from_secs(1);
    let cache = near_builder(&server)
        .timeout(millis(100))
        .connect_timeout(millis(100))
        .circuit_breaker(2, millis(50))
        .near_cache_max_lag(lag)
        .build()
        .unwrap();
    other.set("k", &1, minute()).await.unwrap();
    let is_near_again = async || {
        let before = cache.stats().near_hits;
        until("it is near", async || {
            let _ = cache.get::<u32>("k").await;
            cache.stats().near_hits > before
        })
        .await;
    };
    is_near_again().await;
    // The next question comes a while after the server has frozen, and its failure is too late.
    let before = beats(&server);
    until("the server is heard", async || beats(&server) != before).await;
    server.freeze();
    let end = Instant::now() + lag + millis(100);
    until("the near cache has given up", async || {
        let now = Instant::now();
        let served = cache.get::<u32>("k").await.is_ok();
        assert!(!served || now < end, "{:?} late", now - end);
        !served
    })
    .await;
    server.thaw();
    is_near_again().await;
}

#[tokio::test]
async fn a_server_that_is_no_primary_any_more_is_not_believed() {
    let (server, _, other) = near();
    let cache = near_builder(&server)
        .near_cache_max_lag(Duration::from_secs(1))
        .build()
        .unwrap();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    server.client().check("REPLICAOF 127.0.0.1 1", "OK");
    until("it is read from the server again", async || {
        let before = cache.stats().near_hits;
        assert_eq!(cache.get::<u32>("k").await.unwrap(), Some(1));
        cache.stats().near_hits == before
    })
    .await;
    server.client().check("REPLICAOF NO ONE", "OK");
    is_near(&cache, "k", 1).await;
}

#[tokio::test]
async fn a_server_that_comes_back_is_listened_to() {
    let (mut server, cache, other) = near();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    server.kill();
    until("nothing is served", async || {
        cache.get::<u32>("k").await.is_err()
    })
    .await;
    server.start_again();
    until("it is set again", async || {
        other.set("k", &2, minute()).await.is_ok()
    })
    .await;
    until("it is near", async || {
        let before = cache.stats().near_hits;
        let value = cache.get::<u32>("k").await;
        assert!(!matches!(value, Ok(Some(1))), "{value:?}");
        cache.stats().near_hits > before
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_tell_of_tags_is_not_relied_on() {
    let (server, _, other) = near();
    let cache = near_builder(&server)
        .near_cache_max_lag(millis(200))
        .circuit_breaker(5, millis(10))
        .build()
        .unwrap();
    server
        .client()
        .check("CONFIG SET cache.publish-invalidations no", "OK");
    other.set("k", &1, minute()).await.unwrap();
    until("it has been tried, and once more", async || {
        assert_eq!(cache.get::<u32>("k").await.unwrap(), Some(1));
        let stats = server.client().text("INFO commandstats");
        stats.contains("client|tracking:calls=2")
    })
    .await;
    assert_eq!(cache.stats().near_hits, 0);
}

#[tokio::test]
async fn who_recomputes_early_is_drawn_by_the_server() {
    let (server, cache, other) = near();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    let before = reads(&server);
    let source = Counter::default();
    let early = minute().early(1.0);
    assert_eq!(
        cache.get_or_compute("k", early, || source.next()).await,
        Ok(1)
    );
    assert_ne!(reads(&server), before);
}

#[tokio::test]
async fn what_is_of_another_type_is_replaced() {
    let (_server, cache, other) = near();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    let text = cache
        .get_or_compute("k", minute(), || async { Ok::<_, ()>("one".to_owned()) })
        .await;
    assert_eq!(text, Ok("one".to_owned()));
    assert_eq!(
        cache.get::<String>("k").await.unwrap(),
        Some("one".to_owned())
    );
    assert!(matches!(cache.get::<u32>("k").await, Err(Error::Decode(_))));
}

#[tokio::test]
async fn its_size_is_bounded_in_bytes() {
    let (_server, cache, other) = near();
    let page = "x".repeat(10_000);
    let keys: Vec<String> = (0..400).map(|n| format!("page:{n}")).collect();
    for key in &keys {
        other.set(key, &page, minute()).await.unwrap();
    }
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    for _ in 0..3 {
        let before = cache.stats().near_hits;
        for key in &keys {
            cache.get::<String>(key).await.unwrap();
        }
        let held = cache.stats().near_hits - before;
        assert!(held <= (1 << 20) / 10_000, "{held} pages");
    }
    let before = cache.stats().near_hits;
    for key in &keys {
        cache.get::<String>(key).await.unwrap();
    }
    assert!(cache.stats().near_hits > before + 50);
}

/// What a reader may still see of a source: each value until a while after its end was confirmed.
#[derive(Default)]
struct Ended(Mutex<BTreeMap<u32, Instant>>);

impl Ended {
    fn confirm(&self, value: u32) {
        self.0.lock().unwrap().insert(value, Instant::now());
    }

    /// How long ago the end of `value` was confirmed at `now`.
    fn since(&self, value: u32, now: Instant) -> Option<Duration> {
        let ended = *self.0.lock().unwrap().get(&value)?;
        now.checked_duration_since(ended)
    }
}

/// A source whose value changes, and those who read it through the near cache.
struct Race {
    cache: Cache,
    current: AtomicU32,
    over: AtomicBool,
    ended: Ended,
}

impl Race {
    const LAG: Duration = Duration::from_millis(300);

    async fn read(self: Arc<Self>) {
        while !self.over.load(Ordering::SeqCst) {
            let now = Instant::now();
            let source = || async { Ok::<_, ()>(self.current.load(Ordering::SeqCst)) };
            let policy = minute().tags(["x"]);
            let value = self
                .cache
                .get_or_compute("k", policy, source)
                .await
                .unwrap();
            if let Some(late) = self.ended.since(value, now) {
                assert!(
                    late <= Self::LAG,
                    "{value} was served {late:?} after its end"
                );
            }
            tokio::task::yield_now().await;
        }
    }

    /// Changes the value again and again. `change` tells the server, as another process does.
    async fn run(change: impl AsyncFn(&Cache, u32)) {
        let (server, _, other) = near();
        let cache = near_builder(&server).near_cache_max_lag(Self::LAG);
        let race = Arc::new(Self {
            cache: cache.build().unwrap(),
            current: AtomicU32::new(1),
            over: AtomicBool::new(false),
            ended: Ended::default(),
        });
        let readers: Vec<_> = (0..4)
            .map(|_| tokio::spawn(Arc::clone(&race).read()))
            .collect();
        for value in 1..600 {
            race.current.store(value + 1, Ordering::SeqCst);
            change(&other, value + 1).await;
            race.ended.confirm(value);
            // What is wrongly kept is to have the time to show, now and then.
            let pause = if value % 60 == 0 {
                Self::LAG * 2
            } else {
                millis(1)
            };
            tokio::time::sleep(pause).await;
        }
        race.over.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
        let stats = race.cache.stats();
        assert!(stats.near_hits > 1000, "{stats:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_invalidated_value_is_served_for_longer_than_promised() {
    Race::run(async |other, _| {
        other.invalidate(["x"]).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_replaced_value_is_served_for_longer_than_promised() {
    Race::run(async |other, value| other.set("k", &value, minute()).await.unwrap()).await;
}

#[cfg(feature = "sentinel")]
#[tokio::test]
async fn there_is_one_in_front_of_what_sentinels_watch() {
    use larder_test_support::Setup;

    let (server, other) = started();
    let sentinel = Server::set_up(&Setup {
        sentinel: true,
        lines: &format!("sentinel monitor main 127.0.0.1 {} 1", server.port()),
        ..Setup::default()
    });
    let cache = Cache::sentinel_builder([format!("redis://127.0.0.1:{}", sentinel.port())], "main")
        .namespace("t")
        .timeout(PATIENT)
        .connect_timeout(PATIENT)
        .near_cache(1 << 20)
        .near_cache_max_lag(PATIENT)
        .build()
        .unwrap();
    other.set("k", &1, minute()).await.unwrap();
    is_near(&cache, "k", 1).await;
    other.set("k", &2, minute()).await.unwrap();
    becomes(&cache, "k", Some(2)).await;
}

#[cfg(feature = "cluster")]
#[tokio::test]
async fn there_is_none_in_front_of_a_cluster() {
    let error = Cache::cluster_builder(["redis://127.0.0.1:1"])
        .near_cache(1 << 20)
        .build()
        .unwrap_err();
    assert!(error.to_string().starts_with("no near cache"), "{error}");
}
