//! Tags and who carries them.

use super::shelf::Shelf;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use std::hint::black_box;

/// Enough for the index not to stay in the nearest cache.
const ENTRIES: usize = 50_000;

pub(crate) fn benches(c: &mut Criterion) {
    membership(c);
    judging(c);
    invalidation(c);
}

fn membership(c: &mut Criterion) {
    let mut shelf = Shelf::of(ENTRIES);
    let mut n = 0;
    c.bench_function("index/detach and attach with 3 tags", |b| {
        b.iter(|| {
            n = (n + 7_919) % ENTRIES;
            shelf.detach(Shelf::entry(n));
            shelf.attach(Shelf::entry(n));
        });
    });
    c.bench_function("index/intern a known tag", |b| {
        b.iter(|| shelf.index.intern(black_box(b"group:7")));
    });
}

fn judging(c: &mut Criterion) {
    let mut shelf = Shelf::of(ENTRIES);
    let known = Shelf::entry(7);
    c.bench_function("index/judge, nothing invalidated since", |b| {
        b.iter(|| shelf.verdict(black_box(known)));
    });
    shelf.invalidate(b"own:8");
    c.bench_function("index/judge 3 tags", |b| {
        b.iter(|| shelf.verdict(black_box(known)));
    });
}

fn invalidation(c: &mut Criterion) {
    let mut group = c.benchmark_group("index/invalidate");
    for entries in [10, 1_000] {
        group.bench_function(BenchmarkId::new("entries", entries), |b| {
            b.iter_batched_ref(
                || Shelf::of(entries),
                |shelf| shelf.invalidate(b"all"),
                BatchSize::LargeInput,
            );
        });
    }
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("and reclaim 1000", |b| {
        b.iter_batched_ref(
            || Shelf::of(1_000),
            |shelf| {
                shelf.invalidate(b"all");
                shelf.reclaim()
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}
