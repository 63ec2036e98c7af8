//! A repository whose reads come from the cache and whose writes go to the source first.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cache::Cache;
use crate::policy::Policy;

/// Where the records of one kind are kept: a table, a service, a file.
pub trait RecordSource: Send + Sync {
    /// What tells records apart.
    type Key: Display + Sync;
    /// A record.
    type Record: Serialize + DeserializeOwned + Send + Sync;
    /// What can go wrong at the source.
    type Error: Send;

    /// A record, if there is one.
    fn load(
        &self,
        key: &Self::Key,
    ) -> impl Future<Output = Result<Option<Self::Record>, Self::Error>> + Send;

    /// Inserts or replaces a record.
    fn save(
        &self,
        key: &Self::Key,
        record: &Self::Record,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes a record, if there is one.
    fn remove(&self, key: &Self::Key) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// A [`RecordSource`] behind a cache: write-through and delete-through. The cache never keeps an older
/// record than the source has, whoever writes at the same time, as long as all writers go through a
/// repository.
#[derive(Clone, Debug)]
pub struct Repository<S> {
    cache: Cache,
    prefix: String,
    policy: Policy,
    source: S,
}

impl<S: RecordSource> Repository<S> {
    /// Keys are `prefix`, a colon, and the key as it is displayed. Records that are not there are
    /// remembered only if the policy has a [`negative_ttl`](Policy::negative_ttl).
    pub fn new(cache: &Cache, prefix: impl Into<String>, policy: Policy, source: S) -> Self {
        Self {
            cache: cache.clone(),
            prefix: prefix.into(),
            policy,
            source,
        }
    }

    /// A record, from the cache or the source.
    ///
    /// # Errors
    ///
    /// Only what the source returns.
    pub async fn load(&self, key: &S::Key) -> Result<Option<S::Record>, S::Error> {
        self.cache
            .get_or_compute(&self.name(key), &self.policy, || self.source.load(key))
            .await
    }

    /// Saves a record at the source and in the cache, see [`Cache::write_through`].
    ///
    /// # Errors
    ///
    /// Only what the source returns.
    pub async fn save(&self, key: &S::Key, record: &S::Record) -> Result<(), S::Error> {
        self.cache
            .write_through(&self.name(key), &self.policy, record, || {
                self.source.save(key, record)
            })
            .await
    }

    /// Removes a record from the source and from the cache, see [`Cache::delete_through`].
    ///
    /// # Errors
    ///
    /// Only what the source returns.
    pub async fn remove(&self, key: &S::Key) -> Result<(), S::Error> {
        self.cache
            .delete_through(&self.name(key), || self.source.remove(key))
            .await
    }

    /// The source itself.
    pub fn source(&self) -> &S {
        &self.source
    }

    fn name(&self, key: &S::Key) -> String {
        format!("{}:{key}", self.prefix)
    }
}
