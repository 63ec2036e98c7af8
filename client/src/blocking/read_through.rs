//! Read-through: a cache that knows how to load what it does not have.

use std::fmt::Display;
use std::marker::PhantomData;

use super::cache::Cache;
use crate::codec::{Decode, Encode};
use crate::policy::Policy;

/// A cache with a loader, made by [`Cache::read_through`].
///
/// ```no_run
/// # use larder_client::{Policy, blocking::Cache};
/// # use std::{io, time::Duration};
/// # fn name_of(id: u64) -> io::Result<String> { Ok(format!("user {id}")) }
/// # fn run(cache: Cache) -> io::Result<()> {
/// let names = cache.read_through("name", Policy::ttl(Duration::from_secs(60)), |id: u64| name_of(id));
/// let name: String = names.get(7)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ReadThrough<K, F> {
    cache: Cache,
    prefix: String,
    policy: Policy,
    load: F,
    keys: PhantomData<fn(K)>,
}

impl Cache {
    /// A cache that calls `load` for what it does not have. Keys are `prefix`, a colon, and the key as
    /// it is displayed.
    pub fn read_through<K, F>(
        &self,
        prefix: impl Into<String>,
        policy: Policy,
        load: F,
    ) -> ReadThrough<K, F> {
        ReadThrough {
            cache: self.clone(),
            prefix: prefix.into(),
            policy,
            load,
            keys: PhantomData,
        }
    }
}

impl<K: Display, F> ReadThrough<K, F> {
    /// The value of `key`, loaded if there is none, as by [`Cache::get_or_compute`].
    ///
    /// # Errors
    ///
    /// Only what the loader returns.
    pub fn get<T, E>(&self, key: K) -> Result<T, E>
    where
        T: Encode + Decode,
        F: Fn(K) -> Result<T, E>,
    {
        let name = self.name(&key);
        self.cache
            .get_or_compute(&name, &self.policy, || (self.load)(key))
    }

    /// Deletes the value of `key`, so that it is loaded anew.
    ///
    /// # Errors
    ///
    /// If Redis fails.
    pub fn forget(&self, key: K) -> crate::Result<bool> {
        self.cache.delete(&self.name(&key))
    }

    fn name(&self, key: &K) -> String {
        format!("{}:{key}", self.prefix)
    }
}
