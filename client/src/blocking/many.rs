//! Several keys in one round trip.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use redis::Cmd;

use super::cache::Cache;
use super::core::Core;
use super::link::Nodes;
use crate::codec::{Decode, Encode};
use crate::error::Result;
use crate::policy::IntoPolicy;
use crate::protocol::{command, reply};
use crate::stats::Event;

impl Cache {
    /// The fresh values of these keys, in order.
    ///
    /// # Errors
    ///
    /// If Redis fails, or what is stored under one of them is not a `T`.
    pub fn get_many<T, K>(&self, keys: &[K]) -> Result<Vec<Option<T>>>
    where
        T: Decode,
        K: AsRef<str>,
    {
        let started = Instant::now();
        let keys: Vec<String> = keys.iter().map(|key| self.key(key.as_ref())).collect();
        let found = stored(&self.core, &keys)?;
        found
            .into_iter()
            .map(|stored| self.decoded(stored?, started))
            .collect()
    }

    /// Stores several values under one policy. They are not stored all at the same instant.
    ///
    /// # Errors
    ///
    /// If Redis fails, or a value can't be encoded. Some may have been stored.
    pub fn set_many<'p, K, T>(&self, entries: &[(K, T)], policy: impl IntoPolicy<'p>) -> Result<()>
    where
        K: AsRef<str>,
        T: Encode,
    {
        let (settings, policy) = (&self.core.settings, policy.into_policy());
        let flights = &self.core.flights;
        let tags = settings.tags(&policy, &[]);
        let keys: Vec<String> = entries
            .iter()
            .map(|(key, _)| self.key(key.as_ref()))
            .collect();
        let mut commands = Vec::with_capacity(entries.len());
        for (key, (_, value)) in keys.iter().zip(entries) {
            let encoded = value.encode(settings.encoding)?;
            commands.push(command::set(
                key,
                &encoded.bytes,
                &settings.storing(&policy, None, &tags),
            ));
        }
        keys.iter().for_each(|key| flights.close(key));
        let replies = self.core.link.write_all(&commands);
        keys.iter().for_each(|key| flights.close(key));
        for reply in replies? {
            reply::stored(&reply?.value)?;
            self.core.metrics.record(Event::Set);
        }
        Ok(())
    }

    /// Deletes several keys, and says how many of them held something.
    ///
    /// # Errors
    ///
    /// If Redis fails. Some may have been deleted.
    pub fn delete_many<K: AsRef<str>>(&self, keys: &[K]) -> Result<u64> {
        let keys: Vec<String> = keys.iter().map(|key| self.key(key.as_ref())).collect();
        let commands: Vec<Cmd> = keys
            .iter()
            .map(|key| command::unlink(std::slice::from_ref(key)))
            .collect();
        let replies = self.core.link.write_all(&commands);
        keys.iter().for_each(|key| self.core.flights.close(key));
        let mut deleted = 0;
        for reply in replies? {
            deleted += reply::count(&reply?.value, "UNLINK")?;
            self.core.metrics.record(Event::Delete);
        }
        Ok(deleted)
    }
}

/// The stored form of a fresh value, or why it could not be read.
type Read = Result<Option<Bytes>>;

/// The stored forms of fresh values. In a cluster the keys are on several nodes: what one of them can't
/// read the others may. A key whose deletion is owed has none: that is asked first, since it may be paid
/// before the reply is here.
pub(crate) fn stored(core: &Arc<Core>, keys: &[String]) -> Result<Vec<Read>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let owed: Vec<bool> = keys.iter().map(|key| core.owed.includes(key)).collect();
    let mut found = match &core.link.servers {
        #[cfg(feature = "cluster")]
        Nodes::Cluster(_) => {
            let commands: Vec<Cmd> = keys.iter().map(|key| command::get(key)).collect();
            let replies = core.link.read_all(&commands)?;
            replies
                .into_iter()
                .map(|reply| reply::optional_bytes(reply?.value, "CACHE.GET"))
                .collect()
        }
        Nodes::One(_) => {
            let reply = core.link.read(&command::get_many(keys))?;
            let found = reply::many_bytes(reply, "CACHE.MGET")?;
            found.into_iter().map(Ok).collect::<Vec<Read>>()
        }
    };
    for (read, _) in found.iter_mut().zip(owed).filter(|(_, owed)| *owed) {
        *read = Ok(None);
    }
    Ok(found)
}
