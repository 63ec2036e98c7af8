//! Arbitrary bytes as the metadata of an entry.

#![no_main]

#[path = "../../core/tests/properties/codec.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
