//! What is shown, in this order. A scene finds the cache as the one before it left it.

mod filling;
mod invalidation;
mod reading;
mod refresh;
mod refusal;
mod stampede;
mod statistics;
mod tags;

use redis::Cmd;

use crate::caller::Caller;
use crate::catalogue::{Catalogue, Record};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::server::Server;

/// What every scene has at hand.
pub(crate) struct Stage<'a> {
    pub(crate) screen: &'a Screen,
    pub(crate) server: &'a Server,
    pub(crate) catalogue: &'a Catalogue,
}

/// Plays all scenes.
///
/// # Errors
/// If the server fails, or does not do what a scene says it does.
pub(crate) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    filling::play(stage)?;
    reading::play(stage)?;
    tags::play(stage)?;
    invalidation::play(stage)?;
    stampede::play(stage)?;
    refresh::play(stage)?;
    refusal::play(stage)?;
    statistics::play(stage)
}

impl<'a> Stage<'a> {
    fn caller(&self, prompt: &'static str) -> Result<Caller<'a>, Failure> {
        Ok(Caller::new(prompt, self.screen, self.server.connect()?))
    }
}

/// `CACHE.SET` of a text under a package's key and tags, fresh for an hour and then stale for ten
/// minutes. With a token it is the fill of a lease.
fn store(record: &Record, text: &str, token: Option<i64>) -> Cmd {
    let mut command = redis::cmd("CACHE.SET");
    command
        .arg(record.key())
        .arg(text)
        .arg("EX")
        .arg(3600)
        .arg("GRACE")
        .arg(600);
    if let Some(token) = token {
        command.arg("TOKEN").arg(token);
    }
    command.arg("TAGS").arg(record.tags.len()).arg(&record.tags);
    command
}

/// A command of plain words.
fn command(line: &str) -> Cmd {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap_or_default());
    command.arg(words.collect::<Vec<_>>());
    command
}
