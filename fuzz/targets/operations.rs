//! Arbitrary operations on the index.

#![no_main]

#[path = "../../core/tests/properties/index/mod.rs"]
mod property;

/// Comparing everything takes as long as a few operations do.
const STRIDE: usize = 32;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::run(property::ops(bytes), STRIDE));
