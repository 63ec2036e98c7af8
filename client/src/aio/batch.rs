//! `get_or_compute` for many keys: one round trip for what is there, one computation for the rest.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use redis::{Cmd, Value};

use super::cache::Cache;
use super::compute::{Ready, ready_to_compute};
use super::connection::Connection;
use super::core::Core;
use super::lease::Lease;
use super::many::stored;
use super::owed;
use super::turn::{Turn, give_back};
use crate::codec::{Decode, Encode};
use crate::computed::{Fetched, Source};
use crate::error::Result;
use crate::kept::Storable;
use crate::policy::{IntoPolicy, Policy};
use crate::protocol::command;
use crate::protocol::reply::{self, Answer};
use crate::stats::Event;
use crate::turn::{counted, kept, told};

/// What is known about the keys so far.
struct Batch<'a, K, T> {
    core: &'a Arc<Core>,
    policy: &'a Policy,
    started: Instant,
    found: HashMap<K, T>,
    /// To be computed here.
    ours: Vec<Ours<K, T>>,
    /// Being computed elsewhere, or to be replaced.
    theirs: Vec<K>,
}

struct Ours<K, T> {
    key: K,
    /// Without one the value is not stored.
    lease: Option<Lease>,
    /// What can be served if the computation fails.
    older: Option<T>,
}

impl Cache {
    /// The values of these keys. `compute` is given those that nobody has, all at once, and returns
    /// what it finds: keys that it leaves out are left out here too, and not stored.
    ///
    /// Keys that somebody else is computing are waited for, all together no longer than the policy's
    /// [`patience`](Policy::patience); `compute` is called again for those that this does not bring.
    ///
    /// # Errors
    ///
    /// Only what `compute` returns, and only if there is no older value for one of the keys that the
    /// policy lets [stand in](Policy::stale_if_error).
    pub async fn get_or_compute_many<K, T, E, F, Fut>(
        &self,
        keys: &[K],
        policy: impl IntoPolicy<'_>,
        mut compute: F,
    ) -> Result<HashMap<K, T>, E>
    where
        K: AsRef<str> + Clone + Eq + Hash,
        T: Encode + Decode,
        F: FnMut(Vec<K>) -> Fut,
        Fut: Future<Output = Result<HashMap<K, T>, E>>,
    {
        let policy = policy.into_policy();
        let mut seen = HashSet::with_capacity(keys.len());
        let keys: Vec<K> = keys
            .iter()
            .filter(|key| seen.insert(*key))
            .cloned()
            .collect();
        let mut batch = Batch::new(&self.core, &policy);
        batch.look_up(&keys).await;
        batch.compute(&mut compute).await?;
        // For all of them together.
        let deadline = Instant::now() + self.core.settings.patience(&policy);
        for key in std::mem::take(&mut batch.theirs) {
            let name = self.key(key.as_ref());
            let ready = ready_to_compute(&self.core, &name, &policy, deadline).await;
            let is_leased = !matches!(ready, Ready::Bypass(_));
            batch.take_up(key, ready);
            // At once: to hold one lease while waiting for another is how two batches come to wait for
            // each other.
            if is_leased {
                batch.compute(&mut compute).await?;
            }
        }
        batch.compute(&mut compute).await?;
        Ok(batch.found)
    }
}

impl<'a, K: AsRef<str> + Clone + Eq + Hash, T: Encode + Decode> Batch<'a, K, T> {
    fn new(core: &'a Arc<Core>, policy: &'a Policy) -> Self {
        Self {
            core,
            policy,
            started: Instant::now(),
            found: HashMap::new(),
            ours: Vec::new(),
            theirs: Vec::new(),
        }
    }

    async fn look_up(&mut self, keys: &[K]) {
        let name = |key: &K| self.core.settings.namespace.key(key.as_ref());
        let names: Vec<String> = keys.iter().map(name).collect();
        let Ok(there) = stored(self.core, &names).await else {
            keys.iter().for_each(|key| self.bypass(key.clone()));
            return;
        };
        let mut missing = Vec::new();
        for ((key, name), read) in keys.iter().zip(names).zip(there) {
            match read {
                Ok(Some(value)) => {
                    let source = Source::Hit;
                    self.told(key.clone(), Turn::Serve { value, source });
                }
                Ok(None) if !owed::is_owed(self.core, &name) => missing.push((key, name)),
                Ok(None) | Err(_) => self.bypass(key.clone()),
            }
        }
        self.lease_each(missing).await;
    }

    /// One lease for each key that nobody computes yet, in one round trip.
    async fn lease_each(&mut self, missing: Vec<(&K, String)>) {
        if missing.is_empty() {
            return;
        }
        let (core, length) = (self.core, self.core.settings.lease(self.policy));
        let Ok((replies, bond)) = ask_each(core, &missing, self.policy).await else {
            missing
                .into_iter()
                .for_each(|(key, _)| self.bypass(key.clone()));
            return;
        };
        for ((key, name), reply) in missing.into_iter().zip(replies) {
            let granted = |token| {
                let ticket = core.flights.lead(&name);
                let lease = Lease::new(core, name, token, length).for_followers_of(ticket);
                lease.on(bond.clone())
            };
            match reply.and_then(reply::answer) {
                Ok(Answer::Busy) => self.theirs.push(key.clone()),
                Ok(answer) => self.told(key.clone(), told(answer, kept, granted)),
                Err(_) => self.bypass(key.clone()),
            }
        }
    }

    /// What can't be decoded is replaced by way of the single key.
    fn told(&mut self, key: K, turn: Turn) {
        match counted(&self.core.metrics, turn, self.started) {
            Ok(ready) => self.take_up(key, ready),
            Err(_) => self.theirs.push(key),
        }
    }

    fn take_up(&mut self, key: K, ready: Ready<T>) {
        let (lease, older) = match ready {
            Ready::Serve(fetched) => return drop(self.found.insert(key, fetched.value)),
            Ready::Bypass(_) => return self.bypass(key),
            Ready::Refresh(fetched, lease) => (Some(lease), self.stands_in(fetched)),
            Ready::Compute(lease) => (Some(lease), None),
        };
        self.ours.push(Ours { key, lease, older });
    }

    fn bypass(&mut self, key: K) {
        self.core.metrics.record(Event::Bypassed);
        self.ours.push(Ours {
            key,
            lease: None,
            older: None,
        });
    }

    /// What is served if no newer value can be computed.
    fn stands_in(&self, older: Fetched<T>) -> Option<T> {
        let backoff = self.core.settings.stale_if_error(self.policy);
        older.source.stands_in(backoff).then_some(older.value)
    }

    async fn compute<E, F, Fut>(&mut self, compute: &mut F) -> Result<(), E>
    where
        F: FnMut(Vec<K>) -> Fut,
        Fut: Future<Output = Result<HashMap<K, T>, E>>,
    {
        let ours = std::mem::take(&mut self.ours);
        if ours.is_empty() {
            return Ok(());
        }
        let keepers: Vec<_> = ours
            .iter()
            .filter_map(|ours| Some(ours.lease.as_ref()?.keep()))
            .collect();
        let started = Instant::now();
        let outcome = compute(ours.iter().map(|ours| ours.key.clone()).collect()).await;
        drop(keepers);
        self.core.metrics.computed(&outcome, started.elapsed());
        match outcome {
            Ok(computed) => self.store(ours, computed).await,
            Err(error) => {
                if !self.fall_back(ours).await {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn store(&mut self, ours: Vec<Ours<K, T>>, mut computed: HashMap<K, T>) {
        let mut fills = Vec::new();
        for Ours { key, lease, .. } in ours {
            let value = computed.remove(&key);
            let stored = value
                .as_ref()
                .and_then(|value| self.core.settings.storable(self.policy, value, None));
            match (lease, stored) {
                (Some(lease), Some(stored)) => fills.push((lease, stored)),
                (Some(lease), None) => lease.end_uncached(),
                (None, _) => {}
            }
            self.found.extend(value.map(|value| (key, value)));
        }
        fill(self.core, self.policy, fills).await;
    }

    /// Serves what is older. Whether there is something for each key.
    async fn fall_back(&mut self, ours: Vec<Ours<K, T>>) -> bool {
        let backoff = self.core.settings.stale_if_error(self.policy);
        let mut is_complete = true;
        for Ours { key, lease, older } in ours {
            if let Some(lease) = lease {
                lease.give_up(backoff.filter(|_| older.is_some())).await;
            }
            is_complete &= older.is_some();
            self.found.extend(older.map(|older| (key, older)));
        }
        is_complete
    }
}

/// Asks for all of them at once. Leases that come when nobody waits any more are given back.
async fn ask_each<K>(
    core: &Arc<Core>,
    missing: &[(&K, String)],
    policy: &Policy,
) -> Result<(Vec<Result<Value>>, Connection)> {
    let (asking, length) = (core.settings.asking(policy), core.settings.lease(policy));
    let names: Vec<String> = missing.iter().map(|(_, name)| name.clone()).collect();
    let commands = names
        .iter()
        .map(|name| command::get_or_lock(name, &asking))
        .collect();
    let late = {
        let core = Arc::clone(core);
        move |replies: Vec<Result<Value>>| {
            for (name, reply) in names
                .into_iter()
                .zip(replies)
                .filter_map(|(name, reply)| Some((name, reply.ok()?)))
            {
                give_back(&core, name, length, reply);
            }
        }
    };
    core.link.ask_all(commands, late).await
}

/// Stores what was computed, in one round trip.
async fn fill(core: &Arc<Core>, policy: &Policy, fills: Vec<(Lease, Storable)>) {
    let tags = core.settings.tags(policy, &[]);
    let command = |(lease, (value, ttl)): &(Lease, Storable)| {
        lease.filling(value, core.settings.storing(policy, *ttl, &tags))
    };
    let commands: Vec<Cmd> = fills.iter().map(command).collect();
    // If this fails, the leases are given up by being dropped.
    let Ok(replies) = core.link.read_all(&commands).await else {
        return;
    };
    for ((lease, (value, _)), reply) in fills.into_iter().zip(replies) {
        lease.conclude(reply, value);
    }
}
