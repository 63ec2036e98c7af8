//! A bounded number of connections to one server.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Client, Cmd, RedisError, RedisResult, Value};

use super::connection::{Connection, Held, Reply, SHORTEST};
use crate::error::{Error, Result};
use crate::settings::Settings;

/// Finds the server, which may be another one than the last time.
type Locate = Box<dyn Fn() -> Result<Client> + Send + Sync>;

pub(crate) struct Pool {
    locate: Locate,
    limit: usize,
    timeout: Duration,
    connect_timeout: Duration,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Held>,
    taken: usize,
    /// Who waits for a place.
    waiting: usize,
}

/// The right to use one connection, which is opened when it is needed. After an error it is given up,
/// and the next use opens another.
pub(crate) struct Place {
    pool: Arc<Pool>,
    connection: Option<Held>,
    /// How long connecting may take. Who has waited for the place has less time left: those who had it
    /// may have lost their connections because the server hangs.
    connect_within: Duration,
}

impl Pool {
    pub(crate) fn new(
        settings: &Settings,
        limit: usize,
        locate: impl Fn() -> Result<Client> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            locate: Box::new(locate),
            limit: limit.max(1),
            timeout: settings.timeout.max(SHORTEST),
            connect_timeout: settings.connect_timeout.max(SHORTEST),
            state: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    /// A place, or none: all are still taken after `patience`.
    pub(crate) fn take(self: &Arc<Self>, patience: Duration) -> Option<Place> {
        let mut state = self.state();
        let mut connect_within = self.connect_timeout;
        if state.taken >= self.limit {
            let started = Instant::now();
            state.waiting += 1;
            let full = |state: &mut State| state.taken >= self.limit;
            (state, _) = self
                .freed
                .wait_timeout_while(state, patience, full)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
            if state.taken >= self.limit {
                return None;
            }
            connect_within = connect_within.saturating_sub(started.elapsed());
        }
        state.taken += 1;
        let connection = state.idle.pop();
        drop(state);
        Some(Place {
            pool: Arc::clone(self),
            connection,
            connect_within,
        })
    }

    fn open(&self, within: Duration) -> Result<Held> {
        if within < SHORTEST {
            return Err(Error::Timeout(self.timeout));
        }
        let client = (self.locate)()?;
        let opened = Connection::open(&client, within, self.timeout);
        Ok(Arc::new(opened.map_err(|error| timed_out(error, within))?))
    }

    fn put_back(&self, connection: Option<Held>) {
        let mut state = self.state();
        state.taken -= 1;
        state.idle.extend(connection);
        let waited_for = state.waiting > 0;
        drop(state);
        if waited_for {
            self.freed.notify_one();
        }
    }

    /// Whoever closed one connection has closed those, too, that were idle meanwhile.
    fn forget_idle(&self) {
        let idle = std::mem::take(&mut self.state().idle);
        drop(idle);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn send(&mut self, command: &Cmd) -> Result<Reply> {
        let timeout = self.pool.timeout;
        self.exchange(timeout, |connection| connection.send(command))
            .and_then(|(value, from)| self.checked(value, from))
    }

    /// Sends a command that may block: it is answered after `timeout` at the latest.
    pub(crate) fn send_patiently(&mut self, command: &Cmd, timeout: Duration) -> Result<Reply> {
        let exchange = |connection: &Connection| {
            connection.set_read_timeout(timeout)?;
            connection.send(command)
        };
        self.exchange(timeout, exchange)
            .and_then(|(value, from)| self.checked(value, from))
    }

    /// All replies, in order; errors among them stay where they are.
    pub(crate) fn send_all(&mut self, commands: &[Cmd]) -> Result<Vec<Result<Reply>>> {
        let timeout = self.pool.timeout;
        let (values, from) = self.exchange(timeout, |connection| connection.send_all(commands))?;
        Ok(values
            .into_iter()
            .map(|value| self.checked(value, Arc::clone(&from)))
            .collect())
    }

    pub(crate) fn close(mut self) {
        self.connection = None;
    }

    /// The connection is out of the place while it is used: whatever goes wrong, it is not put back.
    fn exchange<T>(
        &mut self,
        timeout: Duration,
        exchange: impl FnOnce(&Connection) -> RedisResult<T>,
    ) -> Result<(T, Held)> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.pool.open(self.connect_within)?,
        };
        match exchange(&connection) {
            Ok(answer) => {
                self.connection = Some(Arc::clone(&connection));
                Ok((answer, connection))
            }
            Err(error) => {
                if error.is_connection_dropped() {
                    self.pool.forget_idle();
                }
                Err(timed_out(error, timeout))
            }
        }
    }

    /// A server that is no primary any more is left.
    fn checked(&mut self, value: Value, from: Held) -> Result<Reply> {
        let checked = value.extract_error();
        if let Err(error) = &checked
            && matches!(error.code(), Some("READONLY" | "MASTERDOWN"))
        {
            self.connection = None;
            self.pool.forget_idle();
        }
        Ok(Reply {
            value: checked?,
            from,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pool.put_back(self.connection.take());
    }
}

fn timed_out(error: RedisError, timeout: Duration) -> Error {
    if error.is_timeout() {
        Error::Timeout(timeout)
    } else {
        error.into()
    }
}
