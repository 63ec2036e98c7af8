//! Changing the source: it goes first, and the cache never keeps the older value.

use std::sync::Arc;

use super::cache::Cache;
use super::core::Core;
use super::lease::{Bond, Lease};
use super::owed;
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
    /// can tell which of them the source has. If Redis does not answer, the deletion is repeated in
    /// the background until it does.
    ///
    /// # Errors
    ///
    /// Only what `save` returns. Nothing is stored then.
    pub fn write_through<'p, T, R, E, F>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'p>,
        value: &T,
        save: F,
    ) -> Result<R, E>
    where
        T: Encode + ?Sized,
        F: FnOnce() -> Result<R, E>,
    {
        let policy = policy.into_policy();
        let writing = Writing::of(&self.core, self.key(key));
        let lease = writing.begin(&policy).ok().flatten();
        let kept = lease.as_ref().map(Lease::keep);
        let saved = save();
        drop(kept);
        match (saved, lease) {
            (Ok(saved), Some(lease)) => {
                if store(&self.core, lease, &policy, value) {
                    writing.done();
                }
                Ok(saved)
            }
            (saved, lease) => {
                drop(writing);
                drop(lease);
                saved
            }
        }
    }

    /// Changes or removes something at the source, and deletes what is stored under `key`. Values that
    /// were read from the source before are not stored any more.
    ///
    /// If Redis does not answer, the deletion is repeated in the background until it does.
    ///
    /// # Errors
    ///
    /// Only what `change` returns. The value is deleted even so: the change may have happened.
    pub fn delete_through<R, E, F>(&self, key: &str, change: F) -> Result<R, E>
    where
        F: FnOnce() -> Result<R, E>,
    {
        let _writing = Writing::of(&self.core, self.key(key));
        change()
    }
}

/// A change of the source on its way. When it is dropped, be it by a panic, the stored value goes.
struct Writing<'a> {
    core: &'a Arc<Core>,
    key: String,
    done: bool,
}

impl<'a> Writing<'a> {
    fn of(core: &'a Arc<Core>, key: String) -> Self {
        let done = false;
        Self { core, key, done }
    }

    /// Deletes the old value, which ends the leases of those who have read it from the source, and
    /// takes one. None if somebody else was faster.
    fn begin(&self, policy: &Policy) -> CacheResult<Option<Lease>> {
        let (core, key) = (self.core, &self.key);
        core.flights.close(key);
        let asking = Asking {
            early: None,
            ..core.settings.asking(policy)
        };
        let commands = [
            command::unlink(std::slice::from_ref(key)),
            command::get_or_lock(key, &asking),
        ];
        let mut replies = core.link.read_all(&commands)?.into_iter();
        let (Some(Ok(_)), Some(asked)) = (replies.next(), replies.next()) else {
            return Ok(None);
        };
        let asked = asked?;
        let Answer::Miss(token) = reply::answer(asked.value)? else {
            return Ok(None);
        };
        let (length, bond) = (core.settings.lease(policy), Bond::shared(asked.from));
        Ok(Some(Lease::new(core, key.clone(), token, length, bond)))
    }

    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let deletes = !self.done;
        let delete = command::unlink(std::slice::from_ref(&self.key));
        // Twice does no harm.
        let owes = deletes && self.core.link.read(&delete).is_err();
        self.core.flights.close(&self.key);
        if owes {
            owed::delete_later(self.core, std::mem::take(&mut self.key));
        }
    }
}

fn store<T: Encode + ?Sized>(core: &Arc<Core>, lease: Lease, policy: &Policy, value: &T) -> bool {
    let Some((encoded, ttl)) = core.settings.storable(policy, value, None) else {
        return false;
    };
    let tags = core.settings.tags(policy, &[]);
    lease.fill(encoded, core.settings.storing(policy, ttl, &tags))
}
