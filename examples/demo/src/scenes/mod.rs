//! What is shown, in this order. A scene finds the cache as the one before it left it.

mod filling;
mod invalidation;
mod largest;
mod reading;
mod refresh;
mod refusal;
mod stampede;
mod statistics;
mod tags;

use redis::{Cmd, Connection, Value};

use crate::caller::{Caller, statistics};
use crate::catalogue::{Catalogue, Record};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::server::{Server, wait_for};

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
    largest::play(stage)?;
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

/// Waits until the server has given back the memory of every dead entry.
fn wait_until_reclaimed(connection: &mut Connection) -> Result<(), Failure> {
    let reclaimed = wait_for(|| match statistics(connection) {
        Ok(statistics) => (statistics.get("entries-dead") == Some(&0)).then_some(Ok(())),
        Err(failure) => Some(Err(failure)),
    });
    let late = || {
        Err(Failure::Machine(
            "dead entries were not reclaimed in time".into(),
        ))
    };
    reclaimed.unwrap_or_else(late)
}

/// An integer reply.
fn int(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A command of plain words.
fn command(line: &str) -> Cmd {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap_or_default());
    command.arg(words.collect::<Vec<_>>());
    command
}
