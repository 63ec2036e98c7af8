//! An entry's metadata in a snapshot.

use criterion::Criterion;
use larder_core::codec::{Meta, decode, encode};
use std::hint::black_box;

pub(crate) fn benches(c: &mut Criterion) {
    let tags = ["brand:17", "shelf:4", "store:9"];
    let meta = Meta {
        pending: false,
        dead: false,
        stored_ms: 1_764_000_000_000,
        tagged_ms: 1_764_000_000_000,
        mark_ms: None,
        compute_ms: Some(42),
        grace_ms: 60_000,
        value_end_ms: None,
        hold_ms: None,
        tags: &tags[..],
    };
    let mut bytes = Vec::new();
    encode(&meta, &mut bytes);
    let mut group = c.benchmark_group("codec");
    group.bench_function("encode with 3 tags", |b| {
        let mut out = Vec::with_capacity(bytes.len());
        b.iter(|| {
            out.clear();
            encode(black_box(&meta), &mut out);
        });
    });
    group.bench_function("decode with 3 tags", |b| {
        b.iter(|| decode(black_box(&bytes)).is_ok());
    });
    group.finish();
}
