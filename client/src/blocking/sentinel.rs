//! Finding the primary that sentinels know. redis-rs does that too, but waits without end for a
//! sentinel that hangs.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use redis::{Client, Cmd, ConnectionInfo, Value, cmd};

use super::connection::Connection;
use super::threads;
use crate::error::{Error, Result};
use crate::servers::{ROLE, Watched};

/// The first primary that a sentinel names, and that says itself that it is one. All sentinels are
/// asked side by side.
pub(crate) fn primary(watched: &Watched, within: Duration) -> Result<Client> {
    let deadline = Instant::now() + within;
    let (found, finds) = mpsc::channel();
    for sentinel in watched.sentinels.clone() {
        let (watched, found) = (watched.clone(), found.clone());
        threads::detach("larder-sentinel", move || {
            // Another one may have been quicker: then nobody listens.
            let _ = found.send(named_by(sentinel, &watched, within));
        });
    }
    drop(found);
    let mut failure = Error::Timeout(within);
    while let Ok(find) = finds.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        match find {
            Ok(primary) => return Ok(primary),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn named_by(sentinel: ConnectionInfo, watched: &Watched, within: Duration) -> Result<Client> {
    let answer = ask(&Client::open(sentinel)?, &watched.question(), within)?;
    let named = watched.named(answer)?;
    let role = ask(&named, &cmd(ROLE), within)?;
    watched.confirmed(named, &role)
}

fn ask(server: &Client, question: &Cmd, within: Duration) -> Result<Value> {
    Ok(Connection::open(server, within, within)?.send(question)?)
}
