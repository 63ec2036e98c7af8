//! The handle, and what takes one command.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use redis::Cmd;

use super::core::Core;
use super::owed;
use crate::builder::Builder;
use crate::codec::{Decode, Encode};
use crate::computed::{Fetched, Source};
use crate::error::Result;
use crate::policy::IntoPolicy;
use crate::protocol::{command, reply};
use crate::servers::Servers;
use crate::settings::Settings;
use crate::stats::{Event, Stats};

/// A cache in Redis. Cheap to clone: clones share connections, statistics and the circuit breaker.
///
/// Made by [`Cache::builder`]. It connects when it is first used, within a Tokio runtime, and again
/// whenever a connection is lost.
///
/// Methods that return this crate's [`Result`] say so when Redis fails. Those that compute
/// ([`get_or_compute`](Self::get_or_compute) and its relatives) answer from the source instead.
#[derive(Clone)]
pub struct Cache {
    pub(crate) core: Arc<Core>,
}

impl Cache {
    /// A cache on the Redis server at `url`: `redis://[user:password@]host[:port][/database]`.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::server(url.into())
    }

    /// A cache on a Redis Cluster of which these are some nodes.
    #[cfg(feature = "cluster")]
    pub fn cluster_builder<I>(urls: I) -> Builder
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Builder::cluster(urls.into_iter().map(Into::into).collect())
    }

    /// A cache on the primary that these sentinels know as `service`. With addresses that begin with
    /// `rediss://` the primary is spoken to by TLS, too.
    #[cfg(feature = "sentinel")]
    pub fn sentinel_builder<I>(urls: I, service: impl Into<String>) -> Builder
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Builder::sentinel(urls.into_iter().map(Into::into).collect(), service.into())
    }

    pub(crate) fn new(servers: Servers, settings: Settings) -> Self {
        Self {
            core: Arc::new(Core::new(servers, settings)),
        }
    }

    /// The value of `key`, if it is fresh.
    ///
    /// # Errors
    ///
    /// If Redis fails, or what is stored is not a `T`.
    pub async fn get<T: Decode>(&self, key: &str) -> Result<Option<T>> {
        let key = self.key(key);
        #[cfg(feature = "near-cache")]
        if let Some(outcome) = self.core.near_get(&key).await {
            return outcome;
        }
        self.read_value(&key, &command::get(&key)).await
    }

    /// The value of `key`, fresh or stale.
    ///
    /// # Errors
    ///
    /// If Redis fails, or what is stored is not a `T`.
    pub async fn get_stale<T: Decode>(&self, key: &str) -> Result<Option<Fetched<T>>> {
        let (key, started) = (self.key(key), Instant::now());
        if owed::is_owed(&self.core, &key) {
            self.core.metrics.record(Event::Miss);
            return Ok(None);
        }
        let reply = self.core.link.read(&command::lookup(&key)).await?;
        let Some(found) = reply::found(reply)? else {
            self.core.metrics.record(Event::Miss);
            return Ok(None);
        };
        let source = if found.stale {
            Source::Stale
        } else {
            Source::Hit
        };
        let metrics = &self.core.metrics;
        let value = T::decode(found.value).inspect_err(|_| metrics.record(Event::Undecodable))?;
        Ok(Some(metrics.served(value, source, started)))
    }

    /// The value of `key`, if it is fresh, which it now is for another `ttl` (sliding expiry).
    ///
    /// # Errors
    ///
    /// If Redis fails, or what is stored is not a `T`.
    pub async fn get_and_touch<T: Decode>(&self, key: &str, ttl: Duration) -> Result<Option<T>> {
        let key = self.key(key);
        let touch = command::get_and_touch(&key, ttl);
        let outcome = self.read_value(&key, &touch).await;
        self.core.forget_near(&key);
        outcome
    }

    /// Stores a value, whatever is there, also a `None`. A computation for `key` that is on its way is
    /// not stored any more.
    ///
    /// # Errors
    ///
    /// If Redis fails, or the value can't be encoded.
    pub async fn set<T: Encode + ?Sized>(
        &self,
        key: &str,
        value: &T,
        policy: impl IntoPolicy<'_>,
    ) -> Result<()> {
        let (key, policy) = (self.key(key), policy.into_policy());
        let settings = &self.core.settings;
        let encoded = value.encode(settings.encoding)?;
        let tags = settings.tags(&policy, &[]);
        let storing = settings.storing(&policy, None, &tags);
        self.change(&key, &command::set(&key, &encoded.bytes, &storing))
            .await?;
        self.core.metrics.record(Event::Set);
        Ok(())
    }

    /// Makes a fresh value last for another `ttl` from now; its grace stays. Whether there was one.
    ///
    /// # Errors
    ///
    /// If Redis fails.
    pub async fn expire(&self, key: &str, ttl: Duration) -> Result<bool> {
        let key = self.key(key);
        if owed::is_owed(&self.core, &key) {
            return Ok(false);
        }
        let touch = command::get_and_touch(&key, ttl);
        let reply = self.core.link.write(&touch).await;
        self.core.forget_near(&key);
        Ok(reply::optional_bytes(reply?, "CACHE.GETEX")?.is_some())
    }

    /// Deletes a value. Whether there was anything. A computation for `key` that is on its way is not
    /// stored any more.
    ///
    /// # Errors
    ///
    /// If Redis fails: the value may still be there.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        let key = self.key(key);
        let reply = self
            .change(&key, &command::unlink(std::slice::from_ref(&key)))
            .await?;
        self.core.metrics.record(Event::Delete);
        Ok(reply::count(&reply, "UNLINK")? > 0)
    }

    /// Whether there is a value, fresh or stale.
    ///
    /// # Errors
    ///
    /// If Redis fails.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        let key = self.key(key);
        if owed::is_owed(&self.core, &key) {
            return Ok(false);
        }
        let reply = self.core.link.read(&command::exists(&key)).await?;
        Ok(reply::count(&reply, "CACHE.EXISTS")? > 0)
    }

    /// What this cache has done in this process so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core.metrics.snapshot()
    }

    /// Sets all of [`stats`](Self::stats) back to zero.
    pub fn reset_stats(&self) {
        self.core.metrics.reset();
    }

    /// The server's own counters (`CACHE.STATS`), by name: of all its callers, since it started. Those of
    /// all primaries of a cluster are added up; percentiles and maximums of times are the greatest of
    /// theirs.
    ///
    /// # Errors
    ///
    /// If Redis fails, or one primary of a cluster.
    pub async fn server_stats(&self) -> Result<BTreeMap<String, f64>> {
        let command = command::server_stats();
        #[cfg(feature = "cluster")]
        if let Servers::Cluster(_) = self.core.link.servers {
            let stats = self.core.primaries.server_stats(&command).await;
            // They are not spoken to by way of the link, which counts its own errors.
            return stats.inspect_err(|_| self.core.metrics.record(Event::Error));
        }
        reply::numbers(self.core.link.read(&command).await?, "CACHE.STATS")
    }

    /// Whether Redis is being left alone because it failed several times in a row.
    #[must_use]
    pub fn is_bypassed(&self) -> bool {
        self.core.link.is_open()
    }

    pub(crate) fn key(&self, key: &str) -> String {
        self.core.settings.namespace.key(key)
    }

    /// Sends a command that changes `key`, of which nothing older is to be shared afterwards.
    async fn change(&self, key: &str, command: &Cmd) -> Result<redis::Value> {
        self.core.flights.close(key);
        let outcome = self.core.link.write(command).await;
        self.core.changed(key);
        outcome
    }

    async fn read_value<T: Decode>(&self, key: &str, command: &Cmd) -> Result<Option<T>> {
        let started = Instant::now();
        let stored = if owed::is_owed(&self.core, key) {
            None
        } else {
            reply::optional_bytes(self.core.link.read(command).await?, "CACHE.GET")?
        };
        self.decoded(stored, started)
    }

    pub(crate) fn decoded<T: Decode>(
        &self,
        stored: Option<Bytes>,
        started: Instant,
    ) -> Result<Option<T>> {
        let Some(stored) = stored else {
            self.core.metrics.record(Event::Miss);
            return Ok(None);
        };
        let value =
            T::decode(stored).inspect_err(|_| self.core.metrics.record(Event::Undecodable))?;
        Ok(Some(
            self.core.metrics.served(value, Source::Hit, started).value,
        ))
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.core.settings.name)
            .finish_non_exhaustive()
    }
}
