//! What a run can be told on the command line.

use lexopt::prelude::*;

/// How much to do, and with which random numbers. Each run has defaults of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// How often to break something.
    pub(crate) rounds: Option<u64>,
    /// How many operations to do in all.
    pub(crate) operations: Option<u64>,
    /// The same seed gives the same choices, though not the same timing.
    pub(crate) seed: u64,
}

impl Options {
    /// Reads `--rounds n`, `--operations n` and `--seed n`.
    pub(crate) fn parse(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut options = Self {
            seed: 1,
            ..Self::default()
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("rounds") => options.rounds = Some(arguments.value()?.parse()?),
                Long("operations") => options.operations = Some(arguments.value()?.parse()?),
                Long("seed") => options.seed = arguments.value()?.parse()?,
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}
