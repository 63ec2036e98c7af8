use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::*;

/// The total is that of the process, so those who look at it take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn every_event_has_a_number_of_its_own() {
    let _turn = alone();
    let metrics = Metrics::new("test");
    for (index, event) in Event::ALL.into_iter().enumerate() {
        assert_eq!(event as usize, index, "{event:?}");
        (0..1 << index).for_each(|_| metrics.record(event));
    }
    let stats = metrics.snapshot();
    let reads = [
        stats.hits,
        stats.stale_hits,
        stats.near_hits,
        stats.misses,
        stats.waits,
        stats.bypasses,
    ];
    assert_eq!(reads, [1, 2, 4, 8, 16, 32]);
    assert_eq!(
        (stats.computations, stats.computations_failed),
        (64 + 128, 128)
    );
    assert_eq!(
        (stats.errors, stats.fills_refused, stats.undecodable),
        (256, 512, 1024)
    );
    assert_eq!(
        (stats.sets, stats.deletes, stats.invalidations),
        (2048, 4096, 8192)
    );
    assert_eq!((stats.reads(), stats.hit_rate), (63, 7.0 / 63.0));
}

#[test]
fn without_reads_the_hit_rate_is_zero() {
    let _turn = alone();
    let metrics = Metrics::new("test");
    metrics.record(Event::Set);
    assert_eq!(metrics.snapshot().hit_rate, 0.0);
}

#[test]
fn latencies_are_in_microseconds() {
    let _turn = alone();
    let metrics = Metrics::new("test");
    for milliseconds in 1..=100 {
        metrics.record_lookup(Duration::from_millis(milliseconds));
    }
    metrics.record_compute(Duration::from_nanos(1_500));
    let Stats {
        lookup, compute, ..
    } = metrics.snapshot();
    assert_eq!(
        (lookup.count, lookup.mean_us, lookup.max_us),
        (100, 50_500.0, 100_000.0)
    );
    let percentiles = [lookup.p50_us, lookup.p90_us, lookup.p95_us, lookup.p99_us];
    for (found, exact) in percentiles
        .into_iter()
        .zip([50_000.0, 90_000.0, 95_000.0, 99_000.0])
    {
        assert!(
            (found / exact - 1.0f64).abs() < 0.032,
            "{found} for {exact}"
        );
    }
    assert_eq!(
        (compute.count, compute.mean_us, compute.max_us),
        (1, 1.5, 1.5)
    );
}

#[test]
fn snapshots_can_be_serialized() {
    let _turn = alone();
    let metrics = Metrics::new("test");
    metrics.record(Event::Hit);
    let json = serde_json::to_value(metrics.snapshot()).unwrap();
    assert_eq!((&json["hits"], &json["hit_rate"]), (&1.into(), &1.0.into()));
    assert_eq!(json["lookup"]["mean_us"], 0.0);
}

#[test]
fn nothing_is_lost_between_threads() {
    let _turn = alone();
    let metrics = Metrics::new("test");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    metrics.record(Event::Hit);
                    metrics.record_lookup(Duration::from_micros(1));
                }
            });
        }
    });
    let stats = metrics.snapshot();
    assert_eq!(
        (stats.hits, stats.lookup.count, stats.lookup.mean_us),
        (40_000, 40_000, 1.0)
    );
}

#[test]
fn the_total_keeps_what_caches_did_that_are_gone() {
    let _turn = alone();
    let before = total();
    let (gone, alive) = (Metrics::new("gone"), Metrics::new("alive"));
    for metrics in [&gone, &alive] {
        metrics.record(Event::Miss);
        metrics.record_compute(Duration::from_secs(1));
    }
    assert_eq!(total().misses - before.misses, 2);
    drop(gone);
    assert_eq!(total().misses - before.misses, 2);
    assert_eq!(total().compute.count - before.compute.count, 2);
    drop(alive);
    assert_eq!(total().misses - before.misses, 2);
}

#[test]
fn a_reset_starts_at_zero() {
    let _turn = alone();
    let before = total();
    let metrics = Metrics::new("test");
    metrics.record(Event::Hit);
    metrics.record_lookup(Duration::from_secs(1));
    metrics.record_compute(Duration::from_secs(1));
    metrics.reset();
    assert_eq!(metrics.snapshot(), Stats::default());
    assert_eq!(total(), before);
}
