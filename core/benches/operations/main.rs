//! What the operations of the core cost, so that a change that slows one down is noticed.
//!
//! ```text
//! cargo bench --package larder-core --bench operations -- --save-baseline before
//! cargo bench --package larder-core --bench operations -- --baseline before
//! ```

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "criterion's macros make functions of their own, and a benchmark may fail"
)]

mod codec;
mod command;
mod index;
mod shelf;

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;

fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = operations;
    config = settings();
    targets = command::benches, codec::benches, index::benches
}
criterion_main!(operations);
