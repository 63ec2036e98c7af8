//! A client on stage: what it sends and gets is shown.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use redis::{Cmd, Connection, FromRedisValue, Value};

use crate::failure::Failure;
use crate::screen::Screen;

/// A connection whose commands appear on the screen behind its prompt.
pub(crate) struct Caller<'a> {
    prompt: &'static str,
    screen: &'a Screen,
    connection: Connection,
}

impl<'a> Caller<'a> {
    /// A caller with a connection of its own. An empty `prompt` suits a scene with one caller.
    pub(crate) fn new(prompt: &'static str, screen: &'a Screen, connection: Connection) -> Self {
        Self {
            prompt,
            screen,
            connection,
        }
    }

    /// Sends a command; shows it, the reply and the time between the two.
    ///
    /// # Errors
    /// If the server answers with an error or not at all.
    pub(crate) fn types(&mut self, command: &Cmd) -> Result<Value, Failure> {
        self.screen.command(self.prompt, command);
        let (reply, took) = timed(command, &mut self.connection)?;
        self.screen.reply(&reply, took);
        Ok(reply)
    }

    /// Sends `CACHE.GETORLOCK` as [`Self::types`] does.
    ///
    /// # Errors
    /// If the server answers with an error, with another shape of reply, or not at all.
    pub(crate) fn asks(&mut self, command: &Cmd) -> Result<Answer, Failure> {
        read(self.types(command)?)
    }

    /// For what is not shown.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// The reply of `CACHE.GETORLOCK`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) value: Option<String>,
    pub(crate) token: Option<i64>,
}

impl FromRedisValue for Answer {
    fn from_redis_value(reply: Value) -> Result<Self, redis::ParsingError> {
        let (status, value, token) = redis::from_redis_value(reply)?;
        Ok(Self {
            status,
            value,
            token,
        })
    }
}

impl Answer {
    /// Whether the caller was told to compute.
    pub(crate) fn token(&self) -> Result<i64, Failure> {
        self.token
            .ok_or_else(|| Failure::Machine(format!("no token was granted: {self:?}")))
    }
}

/// Converts a reply.
///
/// # Errors
/// If it has another shape than the command promises.
pub(crate) fn read<T: FromRedisValue>(reply: Value) -> Result<T, Failure> {
    Ok(redis::from_redis_value(reply).map_err(redis::RedisError::from)?)
}

/// Sends a command, and measures the time until the reply.
///
/// # Errors
/// If the server answers with an error or not at all.
pub(crate) fn timed(
    command: &Cmd,
    connection: &mut Connection,
) -> Result<(Value, Duration), Failure> {
    let asked = Instant::now();
    let reply = command.query(connection)?;
    Ok((reply, asked.elapsed()))
}

/// The counters and gauges of `CACHE.STATS`; not its one ratio.
///
/// # Errors
/// If the server answers with an error, with another shape of reply, or not at all.
pub(crate) fn statistics(connection: &mut Connection) -> Result<HashMap<String, usize>, Failure> {
    let named: HashMap<String, Value> = redis::cmd("CACHE.STATS").query(connection)?;
    let number = |value| match value {
        Value::Int(number) => usize::try_from(number).ok(),
        _ => None,
    };
    Ok(named
        .into_iter()
        .filter_map(|(name, value)| Some((name, number(value)?)))
        .collect())
}

/// Bytes the server has allocated.
///
/// # Errors
/// If the server answers with an error or not at all.
pub(crate) fn used_memory(connection: &mut Connection) -> Result<usize, Failure> {
    let info: String = redis::cmd("INFO").arg("memory").query(connection)?;
    let field = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    let bytes = field.and_then(|value| value.trim().parse().ok());
    bytes.ok_or_else(|| Failure::Machine("INFO memory has no used_memory".into()))
}
