//! Arbitrary callers who come, wait and go.

#![no_main]

#[path = "../../core/tests/properties/waiting.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
