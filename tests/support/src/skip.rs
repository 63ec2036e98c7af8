//! Tests that this machine has not what it takes for.

use std::io::{self, Write};

/// Says on the terminal that a test is skipped, and why: past the test harness, which shows what a
/// test prints only when it fails.
pub fn say_skipped(test: &str, why: &str) {
    writeln!(io::stderr(), "SKIPPED {test}: {why}").ok();
}
