//! One connection, to a server or to a cluster.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, Value};
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::failure::unless_all_failed;
use crate::servers::Servers;
use crate::settings::Settings;

/// Cheap to clone; all clones share one connection (to each node).
#[derive(Clone)]
pub(crate) enum Connection {
    Server(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl Connection {
    /// Within the time that the settings allow for it.
    pub(crate) async fn open(servers: &Servers, settings: &Settings) -> Result<Self> {
        let opening = Self::open_patiently(servers, settings);
        match tokio::time::timeout(settings.connect_timeout, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(Error::Timeout(settings.connect_timeout)),
        }
    }

    async fn open_patiently(servers: &Servers, settings: &Settings) -> Result<Self> {
        match servers {
            #[cfg(feature = "cluster")]
            Servers::Cluster(nodes) => {
                let client = redis::cluster::ClusterClient::builder(nodes.clone())
                    .connection_timeout(settings.connect_timeout)
                    .response_timeout(settings.timeout)
                    .overall_response_timeout(Some(settings.timeout))
                    .tcp_settings(crate::servers::without_delay())
                    .retries(REDIRECTIONS)
                    .build()?;
                Ok(Self::Cluster(client.get_async_connection().await?))
            }
            server => {
                let client = server.client().await?;
                let connection = to_server(&client, Some(settings.timeout)).await?;
                Ok(Self::Server(connection))
            }
        }
    }

    pub(crate) async fn send(&mut self, command: &Cmd) -> Result<Value> {
        let reply = match self {
            Self::Server(connection) => connection.send_packed_command(command).await?,
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => {
                redis::aio::ConnectionLike::req_packed_command(connection, command).await?
            }
        };
        Ok(reply.extract_error()?)
    }

    /// All replies, in order; errors among them stay where they are. In a cluster the commands go
    /// out side by side, each to its own node. It is an error if no server can serve any of them.
    pub(crate) async fn send_all(&mut self, commands: &[Cmd]) -> Result<Vec<Result<Value>>> {
        let replies = match self {
            Self::Server(connection) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                for command in commands {
                    pipeline.add_command(command.clone());
                }
                let replies = connection
                    .send_packed_commands(&pipeline, 0, commands.len())
                    .await?;
                let told = replies
                    .into_iter()
                    .map(|reply| reply.extract_error().map_err(Error::from));
                told.collect()
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => super::cluster::send_each(connection, commands).await,
        };
        unless_all_failed(replies)
    }
}

/// How often a command follows a slot that has moved, or waits for one that is moving. redis-rs
/// makes no difference between that and a connection that breaks: a command that was not answered,
/// though it may have been executed, is sent again as often, also if it writes.
#[cfg(feature = "cluster")]
const REDIRECTIONS: u32 = 3;

/// What the first attempt gives that succeeds, of several that are made side by side; the others are
/// dropped. The last failure, if all fail.
pub(crate) async fn first_of<T, A>(attempts: impl IntoIterator<Item = A>) -> Result<T>
where
    T: Send + 'static,
    A: Future<Output = Result<T>> + Send + 'static,
{
    let mut attempts: JoinSet<_> = attempts.into_iter().collect();
    let mut failure = Error::Unavailable;
    while let Some(outcome) = attempts.join_next().await {
        match outcome {
            Ok(Ok(first)) => return Ok(first),
            Ok(Err(error)) => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

/// Without a `timeout`, for commands that block.
pub(crate) async fn to_server(
    client: &Client,
    timeout: Option<Duration>,
) -> Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(timeout);
    Ok(client
        .get_multiplexed_async_connection_with_config(&config)
        .await?)
}
