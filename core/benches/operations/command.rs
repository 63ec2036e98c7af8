//! From a command's arguments to what it means, and back.

use criterion::Criterion;
use larder_core::command::get::Get;
use larder_core::command::getorlock::GetOrLock;
use larder_core::command::set::Set;
use larder_core::config::Config;
use std::hint::black_box;

const SET: [&[u8]; 10] = [
    b"CACHE.SET",
    b"page:000000000001",
    b"the value",
    b"EX",
    b"60",
    b"TAGS",
    b"3",
    b"brand:17",
    b"shelf:4",
    b"store:9",
];
const GET: [&[u8]; 3] = [b"CACHE.GET", b"page:000000000001", b"STALE"];
const GETORLOCK: [&[u8]; 6] = [
    b"CACHE.GETORLOCK",
    b"page:000000000001",
    b"WAIT",
    b"2000",
    b"LEASE",
    b"5000",
];

pub(crate) fn benches(c: &mut Criterion) {
    let config = Config::default();
    let mut group = c.benchmark_group("command");
    group.bench_function("parse CACHE.SET with 3 tags", |b| {
        b.iter(|| Set::parse(black_box(&SET[..]), &config).is_ok());
    });
    group.bench_function("parse CACHE.GET", |b| {
        b.iter(|| Get::parse(black_box(&GET[..])).is_ok());
    });
    group.bench_function("parse CACHE.GETORLOCK", |b| {
        b.iter(|| GetOrLock::parse(black_box(&GETORLOCK[..]), &config).is_ok());
    });
    if let Ok(set) = Set::parse(&SET[..], &config) {
        group.bench_function("encode CACHE.SET with 3 tags", |b| {
            b.iter(|| black_box(&set).encode());
        });
    }
    group.finish();
}
