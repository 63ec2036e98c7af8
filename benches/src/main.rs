//! Larder and its rivals, measured on the same machine in the same run.
//!
//! ```text
//! cargo build --release -p larder -p larder-bench
//! target/release/larder-bench [--short | --large] [--instructions] [--rounds N] [--out DIR] [SECTION ...]
//! ```
//!
//! # Layout
//! | where | what |
//! | --- | --- |
//! | [`sections`] | what is measured, a file for each subject |
//! | [`rivals`], [`waiting`] | how tags are kept, and how a stampede is survived: one file for each way |
//! | [`contest`], [`load`], [`wire`], [`requests`] | the load, and how contenders take turns |
//! | [`web`] | web servers with a page in Redis, and who visits them |
//! | [`pinger`], [`disturber`] | clients that watch and clients that disturb meanwhile |
//! | [`bed`], [`callgrind`], [`interruption`], [`host`] | the servers under test and the machine |
//! | [`report`], [`table`], [`chart`], [`figures`] | what is written |

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot go on has failed"
)]

mod bed;
mod callgrind;
mod chart;
mod contest;
mod disturber;
mod figures;
mod host;
mod interruption;
mod item;
mod load;
mod options;
mod pinger;
mod report;
mod requests;
mod rivals;
mod sections;
mod table;
mod waiting;
mod web;
mod wire;

use options::Options;
use report::Report;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("larder-bench: {error}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    host::prepare();
    interruption::prepare();
    let mut report = Report::new(&options);
    for section in sections::chosen(&options) {
        report.step(section.name);
        (section.measure)(&options, &mut report);
    }
    report.save();
    ExitCode::SUCCESS
}
