//! Why the demo ends early.

use std::fmt;
use std::io;

use redis::{ErrorKind, RedisError};

/// What went wrong; every kind ends the demo with exit code 1.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something did not behave as the demo says it does. The sentence is on the screen already.
    BrokenPromise,
    /// The server did not answer, or answered with an error.
    Redis(RedisError),
    /// The machine refused something the demo needs.
    Machine(String),
}

impl Failure {
    /// Wraps an error of the operating system with what was being attempted.
    pub(crate) fn while_doing(what: impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Machine(format!("{what}: {error}"))
    }

    /// A reply of another shape than the command promises.
    pub(crate) fn unexpected(reply: &redis::Value) -> Self {
        let shown = format!("{reply:?}");
        Self::Redis(RedisError::from((
            ErrorKind::UnexpectedReturnType,
            "unexpected reply",
            shown,
        )))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenPromise => f.write_str("a promise was not kept, see above"),
            Self::Redis(error) => write!(f, "the server: {error}"),
            Self::Machine(message) => f.write_str(message),
        }
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}
