//! Finding the primary that sentinels know. redis-rs asks them side by side, too, but hears them in
//! the order in which they are named, so one that hangs silences those after it.

use redis::{Client, Cmd, ConnectionInfo, Value};

use super::connection::{first_of, to_server};
use crate::error::Result;
use crate::servers::{ROLE, Watched};

/// The first primary that a sentinel names, and that says itself that it is one. There is no limit to
/// how long that takes.
pub(crate) async fn primary(watched: &Watched) -> Result<Client> {
    let sentinels = watched.sentinels.iter();
    let asking = sentinels.map(|sentinel| named_by(sentinel.clone(), watched.clone()));
    first_of(asking).await
}

async fn named_by(sentinel: ConnectionInfo, watched: Watched) -> Result<Client> {
    let answer = ask(&Client::open(sentinel)?, &watched.question()).await?;
    let named = watched.named(answer)?;
    let role = ask(&named, &redis::cmd(ROLE)).await?;
    watched.confirmed(named, &role)
}

async fn ask(server: &Client, question: &Cmd) -> Result<Value> {
    let mut connection = to_server(server, None).await?;
    Ok(connection.send_packed_command(question).await?)
}
