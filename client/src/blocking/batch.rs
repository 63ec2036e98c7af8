//! `get_or_compute` for many keys: one round trip for what is there, one computation for the rest.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Cmd;

use super::cache::Cache;
use super::compute::{Ready, ready_until};
use super::connection::Reply;
use super::core::Core;
use super::lease::{Bond, Lease};
use super::many::stored;
use super::turn::{Turn, after};
use crate::codec::{Decode, Encode};
use crate::computed::{Fetched, Source};
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
    ours: Vec<Ours<K, T>>,
    /// Being computed elsewhere, or to be replaced.
    theirs: Vec<K>,
}

/// A key to be computed here.
struct Ours<K, T> {
    key: K,
    /// Without one the value is not stored.
    lease: Option<Lease>,
    /// What is served if the computation fails.
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
    pub fn get_or_compute_many<'p, K, T, E, F>(
        &self,
        keys: &[K],
        policy: impl IntoPolicy<'p>,
        mut compute: F,
    ) -> Result<HashMap<K, T>, E>
    where
        K: AsRef<str> + Clone + Eq + Hash,
        T: Encode + Decode,
        F: FnMut(Vec<K>) -> Result<HashMap<K, T>, E>,
    {
        let policy = policy.into_policy();
        let mut batch = Batch::new(&self.core, &policy);
        batch.look_up(keys);
        batch.compute(&mut compute)?;
        // For all of them together.
        let deadline = after(self.core.settings.patience(&policy));
        for key in std::mem::take(&mut batch.theirs) {
            let name = self.key(key.as_ref());
            let ready = ready_until(&self.core, &name, &policy, deadline);
            let is_leased = !matches!(ready, Ready::Bypass(_));
            batch.take_up(key, ready);
            // At once: others may wait for it who compute what is waited for next.
            if is_leased {
                batch.compute(&mut compute)?;
            }
        }
        batch.compute(&mut compute)?;
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

    fn look_up(&mut self, keys: &[K]) {
        let core = self.core;
        let mut seen = HashSet::with_capacity(keys.len());
        let (owed, asked): (Vec<_>, Vec<_>) = keys
            .iter()
            .filter(|key| seen.insert(*key))
            .map(|key| (key.clone(), core.settings.namespace.key(key.as_ref())))
            .partition(|(_, name)| core.owed.includes(name));
        owed.into_iter().for_each(|(key, _)| self.bypass(key));
        let (keys, names): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let Ok(there) = stored(core, &names) else {
            return keys.into_iter().for_each(|key| self.bypass(key));
        };
        let mut missing = Vec::new();
        for ((key, name), read) in keys.into_iter().zip(names).zip(there) {
            let source = Source::Hit;
            match read {
                Ok(Some(value)) => self.told(key, Turn::Serve { value, source }),
                Ok(None) => missing.push((key, name)),
                Err(_) => self.bypass(key),
            }
        }
        self.lease_each(missing);
    }

    /// One lease for each key that nobody computes yet, in one round trip.
    fn lease_each(&mut self, missing: Vec<(K, String)>) {
        let (core, asking) = (self.core, self.core.settings.asking(self.policy));
        let commands: Vec<Cmd> = missing
            .iter()
            .map(|(_, name)| command::get_or_lock(name, &asking))
            .collect();
        let Ok(replies) = core.link.read_all(&commands) else {
            return missing.into_iter().for_each(|(key, _)| self.bypass(key));
        };
        let length = core.settings.lease(self.policy);
        for ((key, name), reply) in missing.into_iter().zip(replies) {
            let answer = reply.and_then(|Reply { value, from }| Ok((reply::answer(value)?, from)));
            match answer {
                Ok((Answer::Busy, _)) => self.theirs.push(key),
                Ok((answer, from)) => {
                    let granted = |token| {
                        let ticket = core.flights.lead(&name);
                        let lease = Lease::new(core, name, token, length, Bond::shared(from));
                        lease.for_followers_of(ticket)
                    };
                    self.told(key, told(answer, kept, granted));
                }
                Err(_) => self.bypass(key),
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

    fn compute<E, F>(&mut self, compute: &mut F) -> Result<(), E>
    where
        F: FnMut(Vec<K>) -> Result<HashMap<K, T>, E>,
    {
        let ours = std::mem::take(&mut self.ours);
        if ours.is_empty() {
            return Ok(());
        }
        let renewed: Vec<_> = ours
            .iter()
            .filter_map(|ours| Some(ours.lease.as_ref()?.keep()))
            .collect();
        let started = Instant::now();
        let outcome = compute(ours.iter().map(|ours| ours.key.clone()).collect());
        drop(renewed);
        self.core.metrics.computed(&outcome, started.elapsed());
        match outcome {
            Ok(computed) => self.keep(ours, computed),
            Err(error) => {
                let backoff = self.core.settings.stale_if_error(self.policy);
                if !self.fall_back(backoff, ours) {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, ours: Vec<Ours<K, T>>, mut computed: HashMap<K, T>) {
        let mut fills = Vec::new();
        for Ours { key, lease, .. } in ours {
            let value = computed.remove(&key);
            if let Some(lease) = lease {
                let storable = |value| self.core.settings.storable(self.policy, value, None);
                match value.as_ref().and_then(storable) {
                    Some(encoded) => fills.push((lease, encoded)),
                    None => lease.give_up_uncached(),
                }
            }
            self.found.extend(value.map(|value| (key, value)));
        }
        fill(self.core, self.policy, fills);
    }

    /// Serves what is older. Whether there is something for each key.
    fn fall_back(&mut self, backoff: Option<Duration>, ours: Vec<Ours<K, T>>) -> bool {
        let mut complete = true;
        for Ours { key, lease, older } in ours {
            if let Some(lease) = lease {
                lease.give_up(backoff.filter(|_| older.is_some()));
            }
            complete &= older.is_some();
            self.found.extend(older.map(|older| (key, older)));
        }
        complete
    }
}

/// Stores what was computed, in one round trip.
fn fill(core: &Arc<Core>, policy: &Policy, fills: Vec<(Lease, Storable)>) {
    let tags = core.settings.tags(policy, &[]);
    let command = |(lease, (value, ttl)): &(Lease, Storable)| {
        lease.filling(value, core.settings.storing(policy, *ttl, &tags))
    };
    let commands: Vec<Cmd> = fills.iter().map(command).collect();
    // If this fails, the leases are given up by being dropped.
    let Ok(replies) = core.link.read_all(&commands) else {
        return;
    };
    for ((lease, (value, _)), reply) in fills.into_iter().zip(replies) {
        lease.conclude(reply.map(|reply| reply.value), value);
    }
}
