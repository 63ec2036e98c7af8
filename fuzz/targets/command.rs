//! Arbitrary words, one a line, as the arguments of every command.

#![no_main]

#[path = "../../core/tests/properties/command.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|lines: &[u8]| property::check(lines));
