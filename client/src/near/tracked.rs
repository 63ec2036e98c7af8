//! The connection on which the server tells what has changed of what was read on it.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, ProtocolVersion, PushInfo, Value, cmd};

use super::pushes::channels;
use super::store::Reading;
use crate::error::{Error, Result};
use crate::protocol::{command, reply};
use crate::servers::Servers;
use crate::settings::Settings;

/// A key and a tag that no application uses.
const NAME: &str = "larder-near-cache";

/// Cheap to clone. The connection is closed with the last clone.
#[derive(Clone)]
pub(super) struct Tracked {
    connection: MultiplexedConnection,
    settings: Arc<Settings>,
    /// Which of this cache's tracked connections it is.
    pub(super) number: u64,
}

impl Tracked {
    /// Tracks what is read, and subscribes to the tags that are invalidated. `listener` is called for
    /// each message before any answer that comes after it is handed out.
    pub(super) async fn open(
        servers: &Servers,
        settings: &Arc<Settings>,
        number: u64,
        listener: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Self> {
        let info = servers.client().await?.get_connection_info().clone();
        let redis = info.redis_settings().clone();
        let database = redis.db();
        let info = info.set_redis_settings(redis.set_protocol(ProtocolVersion::RESP3));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(move |push| {
                listener(push);
                Ok::<_, redis::aio::SendError>(())
            });
        let mut connection = Client::open(info)?
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let tracking = cmd("CLIENT").arg("TRACKING").arg("ON").take();
        connection
            .send_packed_command(&tracking)
            .await?
            .extract_error()?;
        connection.subscribe(&channels(database)).await?;
        Ok(Self {
            connection,
            settings: Arc::clone(settings),
            number,
        })
    }

    /// The fresh value of a key, asked for by `look`. From now on the server tells once when it changes.
    pub(super) async fn read(&self, key: &str, look: Cmd) -> Result<Option<Reading>> {
        let mut question = Pipeline::with_capacity(2);
        question.add_command(look);
        question.add_command(command::tags(key));
        let mut connection = self.connection.clone();
        let replies = connection.send_packed_commands(&question, 0, 2);
        let replies = within(self.settings.timeout, replies).await?;
        let [found, tags] =
            <[Value; 2]>::try_from(replies).map_err(|_| Error::Reply("CACHE.GET"))?;
        let found = reply::found(found.extract_error()?)?;
        let tags = reply::tags(tags.extract_error()?)?;
        Ok(match (found, tags) {
            (Some(found), Some(tags)) => Some(Reading {
                value: found.value,
                ttl: found.ttl,
                tags,
            }),
            _ => None,
        })
    }

    /// Whether the server answers, and is still a primary: a replica refuses to give up a lease, also
    /// one that nobody has ever held.
    pub(super) async fn beat(&self, patience: Duration) -> Result<()> {
        const NEVER_GRANTED: command::Token = 1;
        let key = self.settings.namespace.key(NAME);
        self.ask(&command::unlock(&key, NEVER_GRANTED, None), patience)
            .await
    }

    /// Invalidates a tag that nothing carries, and says which: what is told of it proves that such
    /// messages arrive.
    pub(super) async fn invalidate_nothing(&self) -> Result<String> {
        let tag = [self.settings.namespace.tag(NAME)];
        self.ask(&command::invalidate(&tag), self.settings.timeout)
            .await?;
        let [tag] = tag;
        Ok(tag)
    }

    async fn ask(&self, command: &Cmd, patience: Duration) -> Result<()> {
        let mut connection = self.connection.clone();
        let answer = connection.send_packed_command(command);
        within(patience, answer).await?.extract_error()?;
        Ok(())
    }
}

async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = redis::RedisResult<T>>,
) -> Result<T> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::Timeout(limit)),
    }
}
