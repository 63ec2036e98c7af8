//! Long runs against real servers while things break: crashes, failovers, moving slots.
//!
//! ```text
//! cargo build --release -p larder -p larder-reliability
//! target/release/larder-reliability NAME [--rounds n] [--operations n] [--seed n]
//! ```
//!
//! A run prints its progress, and at the end one line with what it did. It fails by a panic that
//! says what was promised and what was seen. `LARDER_SERVER` and `LARDER_MODULE` choose the server
//! and the module as everywhere in the tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a run that cannot go on has failed"
)]

mod agree;
mod consistency;
mod corrupt;
mod crash;
mod disk;
mod failover;
mod journal;
mod load;
mod options;
mod reshard;
mod sentinel;

use options::Options;
use std::process::ExitCode;

/// A run: does what it is for, and gives a line with what it did.
type Run = fn(Options) -> String;

/// All runs: name, what it is for, and the code.
const RUNS: &[(&str, &str, Run)] = &[
    (
        "agree",
        "random writes; primary and replicas hold the same after every kind of resync",
        agree::run,
    ),
    (
        "consistency",
        "random use while servers break; the record of it against G1 to G4",
        consistency::run,
    ),
    (
        "reshard",
        "slots move and primaries fail in a cluster; what was invalidated everywhere stays dead",
        reshard::run,
    ),
    (
        "corrupt",
        "damaged payloads; RESTORE refuses each or makes a sound entry of it",
        corrupt::run,
    ),
    (
        "crash",
        "kills under load; all that was acknowledged is there after the restart",
        crash::run,
    ),
    (
        "disk",
        "full disks; when there is space again nothing acknowledged is lost (root only)",
        disk::run,
    ),
    (
        "failover",
        "the primary goes under load, by force or in order, and its replica takes over",
        failover::run,
    ),
    (
        "sentinel",
        "the primary dies or freezes under load, and sentinels make a replica the primary",
        sentinel::run,
    ),
];

fn main() -> ExitCode {
    let mut arguments = lexopt::Parser::from_env();
    let name = match arguments.next() {
        Ok(Some(lexopt::Arg::Value(name))) => name,
        _ => return usage(),
    };
    let Some((name, _, run)) = RUNS.iter().find(|(known, _, _)| name == *known) else {
        return usage();
    };
    match Options::parse(arguments) {
        Ok(options) => {
            println!("{name}: {}", run(options));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            usage()
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("Usage: larder-reliability NAME [--rounds n] [--operations n] [--seed n]\n");
    for (name, purpose, _) in RUNS {
        eprintln!("  {name:<14} {purpose}");
    }
    ExitCode::FAILURE
}
