//! One connection to one server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Client, Cmd, ConnectionLike, RedisResult, Value, cmd};

/// Held by who sends on it, by the pool while nobody does, and by the leases that are bound to it: it is
/// closed when the last of them is done with it.
pub(crate) type Held = Arc<Connection>;

/// Sockets take no shorter timeouts.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

pub(crate) struct Connection(Mutex<redis::Connection>);

/// A reply, and the connection that it came on.
pub(crate) struct Reply {
    pub(crate) value: Value,
    pub(crate) from: Held,
}

impl Connection {
    /// A connection to a server that has answered `within` this time.
    pub(crate) fn open(client: &Client, within: Duration, timeout: Duration) -> RedisResult<Self> {
        let started = Instant::now();
        let connection = Self(Mutex::new(
            unnamed(client)?.get_connection_with_timeout(within)?,
        ));
        let left = within.saturating_sub(started.elapsed());
        connection.set_read_timeout(left.max(SHORTEST))?;
        connection.lock().set_write_timeout(Some(timeout))?;
        let mut name = cmd("CLIENT");
        name.arg("SETINFO").arg("LIB-NAME").arg("larder-client");
        // Servers before 7.2 don't take it.
        connection.send(&name)?;
        connection.set_read_timeout(timeout)?;
        Ok(connection)
    }

    pub(crate) fn set_read_timeout(&self, timeout: Duration) -> RedisResult<()> {
        self.lock().set_read_timeout(Some(timeout))
    }

    /// After an error the connection is not to be used any more: a late reply would be taken for
    /// another's. What the server answers with an error is no error here.
    pub(crate) fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.lock().req_command(command)
    }

    /// The same for several commands in one go.
    pub(crate) fn send_all(&self, commands: &[Cmd]) -> RedisResult<Vec<Value>> {
        let mut packed = Vec::new();
        for command in commands {
            command.write_packed_command(&mut packed);
        }
        let mut connection = self.lock();
        connection.send_packed_command(&packed)?;
        // `req_packed_commands` would wait out the timeout of each reply of a server that hangs.
        commands
            .iter()
            .map(|_| next_reply(&mut connection))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, redis::Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// redis-rs gives two names at once, and waits out the time for each of them if the server hangs.
fn unnamed(client: &Client) -> RedisResult<Client> {
    let info = client.get_connection_info();
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Client::open(info.clone().set_redis_settings(settings))
}

/// Skips what was pushed in between.
fn next_reply(connection: &mut redis::Connection) -> RedisResult<Value> {
    loop {
        match connection.recv_response()? {
            Value::Push { .. } => {}
            reply => return Ok(reply),
        }
    }
}
