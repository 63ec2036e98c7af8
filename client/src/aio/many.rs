//! Several keys in one round trip.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use redis::Cmd;

use super::cache::Cache;
use super::core::Core;
use super::owed;
use crate::codec::{Decode, Encode};
use crate::error::Result;
use crate::policy::IntoPolicy;
use crate::protocol::{command, reply};
#[cfg(feature = "cluster")]
use crate::servers::Servers;
use crate::stats::Event;

impl Cache {
    /// The fresh values of these keys, in order.
    ///
    /// # Errors
    ///
    /// If Redis fails, or what is stored under one of them is not a `T`.
    pub async fn get_many<T, K>(&self, keys: &[K]) -> Result<Vec<Option<T>>>
    where
        T: Decode,
        K: AsRef<str>,
    {
        let started = Instant::now();
        let keys: Vec<String> = keys.iter().map(|key| self.key(key.as_ref())).collect();
        let found = stored(&self.core, &keys).await?;
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
    pub async fn set_many<K, T>(
        &self,
        entries: &[(K, T)],
        policy: impl IntoPolicy<'_>,
    ) -> Result<()>
    where
        K: AsRef<str>,
        T: Encode,
    {
        let (settings, policy) = (&self.core.settings, policy.into_policy());
        let tags = settings.tags(&policy, &[]);
        let mut commands = Vec::with_capacity(entries.len());
        let keys: Vec<String> = entries
            .iter()
            .map(|(key, _)| self.key(key.as_ref()))
            .collect();
        for (key, (_, value)) in keys.iter().zip(entries) {
            let encoded = value.encode(settings.encoding)?;
            commands.push(command::set(
                key,
                &encoded.bytes,
                &settings.storing(&policy, None, &tags),
            ));
            self.core.flights.close(key);
        }
        let replies = self.core.link.write_all(&commands).await;
        keys.iter().for_each(|key| self.core.changed(key));
        for reply in replies? {
            reply::stored(&reply?)?;
            self.core.metrics.record(Event::Set);
        }
        Ok(())
    }

    /// Deletes several keys, and says how many of them held something.
    ///
    /// # Errors
    ///
    /// If Redis fails. Some may have been deleted.
    pub async fn delete_many<K: AsRef<str>>(&self, keys: &[K]) -> Result<u64> {
        let keys: Vec<String> = keys.iter().map(|key| self.key(key.as_ref())).collect();
        let commands: Vec<Cmd> = keys
            .iter()
            .map(|key| command::unlink(std::slice::from_ref(key)))
            .collect();
        let replies = self.core.link.write_all(&commands).await;
        keys.iter().for_each(|key| self.core.changed(key));
        let mut deleted = 0;
        for reply in replies? {
            deleted += reply::count(&reply?, "UNLINK")?;
            self.core.metrics.record(Event::Delete);
        }
        Ok(deleted)
    }
}

/// The stored form of a fresh value, or why it could not be read.
type Read = Result<Option<Bytes>>;

/// The stored forms of fresh values. In a cluster the keys are on several nodes, which are asked side
/// by side: what one of them can't read the others may.
pub(crate) async fn stored(core: &Arc<Core>, keys: &[String]) -> Result<Vec<Read>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    // Before they are asked for: a debt may be paid meanwhile, and the reply be older than that.
    let owed: Vec<bool> = keys.iter().map(|key| owed::is_owed(core, key)).collect();
    let mut found = match &core.link.servers {
        #[cfg(feature = "cluster")]
        Servers::Cluster(_) => {
            let commands: Vec<Cmd> = keys.iter().map(|key| command::get(key)).collect();
            let replies = core.link.read_all(&commands).await?.into_iter();
            replies
                .map(|reply| reply::optional_bytes(reply?, "CACHE.GET"))
                .collect()
        }
        _ => {
            let reply = core.link.read(&command::get_many(keys)).await?;
            let found = reply::many_bytes(reply, "CACHE.MGET")?;
            found.into_iter().map(Ok).collect::<Vec<Read>>()
        }
    };
    for (read, _) in found.iter_mut().zip(owed).filter(|(_, owed)| *owed) {
        *read = Ok(None);
    }
    Ok(found)
}
