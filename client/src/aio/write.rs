//! Changing the source: it goes first, and the cache never keeps the older value.

use std::sync::Arc;

use super::cache::Cache;
use super::core::Core;
use super::lease::Lease;
use super::owed;
use super::turn::give_back;
use crate::codec::Encode;
use crate::error::Result as CacheResult;
use crate::policy::{IntoPolicy, Policy};
use crate::protocol::command::{self, Asking};
use crate::protocol::reply::{self, Answer};

impl Cache {
    /// Saves a value at the source, and stores it.
    ///
    /// The old value is deleted first, and the right to store a new one is held while `save` runs, so
    /// that readers wait for it. If two callers save at the same time, neither value is kept: nobody
    /// can tell which of them the source has. If Redis does not answer, the deletion is repeated until
    /// it does.
    ///
    /// Don't cancel it between: whatever `save` does after that is not known here. (`tokio::spawn` it
    /// where callers may go away.)
    ///
    /// # Errors
    ///
    /// Only what `save` returns. Nothing is stored then.
    pub async fn write_through<T, R, E, F, Fut>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'_>,
        value: &T,
        save: F,
    ) -> Result<R, E>
    where
        T: Encode + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<R, E>>,
    {
        let (key, policy) = (self.key(key), policy.into_policy());
        let writing = Writing {
            core: &self.core,
            key: Some(key.clone()),
        };
        let lease = writing.begin(&policy).await.ok().flatten();
        let keeper = lease.as_ref().map(Lease::keep);
        let saved = save().await;
        drop(keeper);
        match (saved, lease) {
            (Ok(saved), Some(lease)) => {
                if store(&self.core, lease, &policy, value).await {
                    writing.done();
                } else {
                    writing.delete().await;
                }
                Ok(saved)
            }
            (saved, lease) => {
                writing.delete().await;
                drop(lease);
                saved
            }
        }
    }

    /// Changes or removes something at the source, and deletes what is stored under `key`. Values that
    /// were read from the source before are not stored any more.
    ///
    /// If Redis does not answer, the deletion is repeated until it does.
    ///
    /// # Errors
    ///
    /// Only what `change` returns. The value is deleted even so: the change may have happened.
    pub async fn delete_through<R, E, F, Fut>(&self, key: &str, change: F) -> Result<R, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<R, E>>,
    {
        let writing = Writing {
            core: &self.core,
            key: Some(self.key(key)),
        };
        let changed = change().await;
        writing.delete().await;
        changed
    }
}

/// A change of the source on its way. When it is dropped, cancelled or not, the stored value goes.
struct Writing<'a> {
    core: &'a Arc<Core>,
    key: Option<String>,
}

impl Writing<'_> {
    /// Deletes the old value, which ends the leases of those who have read it from the source, and
    /// takes one. None if somebody else was faster.
    async fn begin(&self, policy: &Policy) -> CacheResult<Option<Lease>> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        self.core.flights.close(key);
        let asking = Asking {
            early: None,
            ..self.core.settings.asking(policy)
        };
        let commands = vec![
            command::unlink(std::slice::from_ref(key)),
            command::get_or_lock(key, &asking),
        ];
        let length = self.core.settings.lease(policy);
        let late = {
            let (core, key) = (Arc::clone(self.core), key.clone());
            move |replies: Vec<CacheResult<redis::Value>>| {
                if let Some(Ok(reply)) = replies.into_iter().nth(1) {
                    give_back(&core, key, length, reply);
                }
            }
        };
        let (replies, bond) = self.core.link.ask_all(commands, late).await?;
        let mut replies = replies.into_iter();
        let (Some(Ok(_)), Some(reply)) = (replies.next(), replies.next()) else {
            return Ok(None);
        };
        let lease = match reply::answer(reply?)? {
            Answer::Miss(token) => Some(Lease::new(self.core, key.clone(), token, length).on(bond)),
            _ => None,
        };
        Ok(lease)
    }

    /// Until the deletion is confirmed or owed, dropping this means owing it.
    async fn delete(mut self) {
        let Some(key) = self.key.clone() else { return };
        let unlink = command::unlink(std::slice::from_ref(&key));
        let deleted = self.core.link.write(&unlink).await;
        self.core.changed(&key);
        if deleted.is_ok() {
            self.key = None;
        }
    }

    fn done(mut self) {
        if let Some(key) = self.key.take() {
            self.core.changed(&key);
        }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        if tokio::runtime::Handle::try_current().is_ok() {
            owed::delete_later(self.core, key);
        }
    }
}

async fn store<T: Encode + ?Sized>(
    core: &Arc<Core>,
    lease: Lease,
    policy: &Policy,
    value: &T,
) -> bool {
    let Some((encoded, ttl)) = core.settings.storable(policy, value, None) else {
        return false;
    };
    let tags = core.settings.tags(policy, &[]);
    lease
        .fill(encoded, core.settings.storing(policy, ttl, &tags))
        .await
}
