//! What to measure, and how much of it.

use crate::sections;
use lexopt::prelude::*;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
Usage: larder-bench [--short | --large] [--instructions] [--rounds N] [--out DIR] [SECTION ...]

  --short          everything in small, in less than a minute: shows that it works, not how fast
  --large          ten million entries as well, and a tag of five million
  --instructions   instructions per command as well (needs valgrind)
  --rounds N       how often each measurement is repeated; 5 unless given
  --out DIR        where results.md and the pictures go; benches/ unless given
  SECTION          only these (all of them: reading, storing, replicated, invalidating, pauses,
                   stampede, pages, memory, large, instructions)";

/// What the command line says.
pub(crate) struct Options {
    pub(crate) scale: Scale,
    pub(crate) short: bool,
    pub(crate) large: bool,
    pub(crate) instructions: bool,
    pub(crate) out: PathBuf,
    /// Names of sections; none means all.
    pub(crate) sections: Vec<String>,
}

/// How much of everything.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// How often each measurement is repeated.
    pub(crate) rounds: usize,
    /// How long a throughput is measured.
    pub(crate) slice: Duration,
    /// Keys that are read.
    pub(crate) read: usize,
    /// Keys that are stored in a turn.
    pub(crate) stored: usize,
    /// Entries of a large tag, and of a database whose memory is measured.
    pub(crate) many: usize,
    /// Entries of a very large database.
    pub(crate) huge: usize,
    /// How many connections call at once in a stampede.
    pub(crate) crowds: [usize; 2],
    /// Clients that read pages at a time.
    pub(crate) visitors: [usize; 2],
    /// How long a computation takes in a stampede.
    pub(crate) computations: [Duration; 2],
}

const FULL: Scale = Scale {
    rounds: 5,
    slice: Duration::from_millis(700),
    read: 10_000,
    stored: 100_000,
    many: 1_000_000,
    huge: 10_000_000,
    crowds: [200, 1_000],
    visitors: [1, 32],
    computations: [Duration::from_millis(250), Duration::from_secs(2)],
};

const SHORT: Scale = Scale {
    rounds: 1,
    slice: Duration::from_millis(20),
    read: 1_000,
    stored: 1_000,
    many: 5_000,
    huge: 10_000,
    crowds: [10, 30],
    visitors: [1, 4],
    computations: [Duration::from_millis(50), Duration::from_millis(1_100)],
};

impl Options {
    pub(crate) fn parse(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut rounds = None;
        let mut options = Self {
            scale: FULL,
            short: false,
            large: false,
            instructions: false,
            out: "benches".into(),
            sections: Vec::new(),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("short") => options.short = true,
                Long("large") => options.large = true,
                Long("instructions") => options.instructions = true,
                Long("rounds") => rounds = Some(arguments.value()?.parse::<NonZeroUsize>()?),
                Long("out") => options.out = arguments.value()?.into(),
                Value(name) => options.sections.push(known_section(name.string()?)?),
                other => return Err(other.unexpected()),
            }
        }
        if options.short {
            options.scale = SHORT;
        }
        if let Some(rounds) = rounds {
            options.scale.rounds = rounds.get();
        }
        Ok(options)
    }
}

fn known_section(name: String) -> Result<String, lexopt::Error> {
    if sections::ALL.iter().any(|section| section.name == name) {
        Ok(name)
    } else {
        Err(format!("no section {name}").into())
    }
}
