//! `get_or_compute` and its relatives: what is there, or what the source says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cache::Cache;
use super::core::Core;
use super::flights::{Outcome, Route, Seat, Ticket};
use super::lease::Lease;
use super::owed;
use super::threads;
use super::turn::{self, Bypass};
use crate::codec::{Decode, Encode};
use crate::computed::{Computed, Fetched, Source};
use crate::policy::{IntoPolicy, Policy};
use crate::protocol::command;
use crate::stats::Event;
use crate::turn::counted;

pub(crate) type Ready<T> = crate::turn::Ready<T, Lease, Ticket>;

impl Cache {
    /// The value of `key`, computed if there is none, by one caller at a time across all processes.
    ///
    /// The others wait for that computation. If Redis does not answer, or the value does not come
    /// within the policy's [`patience`](Policy::patience), the caller computes for itself.
    ///
    /// When the value is stale, one caller recomputes it before it answers, and the others are
    /// answered with the stale value at once. With
    /// [`stale_while_revalidate`](Self::stale_while_revalidate) nobody waits.
    ///
    /// # Errors
    ///
    /// Only what `compute` returns. It is not stored, and no other caller is given it.
    pub fn get_or_compute<'p, T, E, F>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'p>,
        compute: F,
    ) -> Result<T, E>
    where
        T: Encode + Decode,
        F: FnOnce() -> Result<T, E>,
    {
        let fetched = self.fetch(key, policy, || compute().map(Computed::new))?;
        Ok(fetched.value)
    }

    /// The same as [`get_or_compute`](Self::get_or_compute) for a computation that has more to say
    /// than the value, and a caller who wants to know where it came from.
    ///
    /// # Errors
    ///
    /// Only what `compute` returns.
    pub fn fetch<'p, T, E, F>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'p>,
        compute: F,
    ) -> Result<Fetched<T>, E>
    where
        T: Encode + Decode,
        F: FnOnce() -> Result<Computed<T>, E>,
    {
        let (key, policy) = (self.key(key), policy.into_policy());
        match ready(&self.core, &key, &policy) {
            Ready::Serve(fetched) => Ok(fetched),
            Ready::Compute(lease) => under_lease(lease, &policy, None, compute),
            Ready::Refresh(fetched, lease) => {
                let backoff = self.core.settings.stale_if_error(&policy);
                match under_lease(lease, &policy, backoff, compute) {
                    Err(_) if fetched.source.stands_in(backoff) => Ok(fetched),
                    outcome => outcome,
                }
            }
            Ready::Bypass(bypass) => without_cache(&self.core, &key, &policy, bypass, compute),
        }
    }

    /// As [`fetch`](Self::fetch), but a value that is there is served at once, stale or not, and
    /// recomputed by a thread in the background, one for each key at a time.
    ///
    /// # Errors
    ///
    /// Only what `compute` returns, and only to a caller for whom there is no value.
    pub fn stale_while_revalidate<'p, T, E, F>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'p>,
        compute: F,
    ) -> Result<Fetched<T>, E>
    where
        T: Encode + Decode,
        F: FnOnce() -> Result<Computed<T>, E> + Send + 'static,
    {
        let (key, policy) = (self.key(key), policy.into_policy());
        match ready(&self.core, &key, &policy) {
            Ready::Serve(fetched) => Ok(fetched),
            Ready::Compute(lease) => under_lease(lease, &policy, None, compute),
            Ready::Refresh(fetched, lease) => {
                let backoff = self.core.settings.stale_if_error(&policy);
                let policy = policy.into_owned();
                threads::detach("larder-refresh", move || {
                    // There is nobody to tell; the failure has been counted.
                    drop(under_lease(lease, &policy, backoff, compute));
                });
                Ok(fetched)
            }
            Ready::Bypass(bypass) => without_cache(&self.core, &key, &policy, bypass, compute),
        }
    }

    /// Computes the value of `key` anew, whatever is stored, and stores it. Callers who come
    /// meanwhile wait for it.
    ///
    /// # Errors
    ///
    /// Only what `compute` returns.
    pub fn refresh<'p, T, E, F>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'p>,
        compute: F,
    ) -> Result<T, E>
    where
        T: Encode + Decode,
        F: FnOnce() -> Result<T, E>,
    {
        let fetched = self.refetch(key, policy, || compute().map(Computed::new))?;
        Ok(fetched.value)
    }

    pub(crate) fn refetch<'p, T, E, F>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'p>,
        compute: F,
    ) -> Result<Fetched<T>, E>
    where
        T: Encode + Decode,
        F: FnOnce() -> Result<Computed<T>, E>,
    {
        // What is there once the key is deleted has been computed since.
        if self.delete(key).is_ok() {
            return self.fetch(key, policy, compute);
        }
        let (key, policy) = (self.key(key), policy.into_policy());
        owed::delete_later(&self.core, key.clone());
        without_cache(&self.core, &key, &policy, Bypass::Alone, compute)
    }
}

/// Takes a turn and decodes its value. What can't be decoded counts as absent.
pub(crate) fn ready<T: Decode>(core: &Arc<Core>, key: &str, policy: &Policy) -> Ready<T> {
    let deadline = turn::after(core.settings.patience(policy));
    ready_until(core, key, policy, deadline)
}

/// The same for a caller who has waited for something else already.
pub(crate) fn ready_until<T: Decode>(
    core: &Arc<Core>,
    key: &str,
    policy: &Policy,
    deadline: Instant,
) -> Ready<T> {
    let started = Instant::now();
    let turn = turn::take(core, key, policy, deadline);
    let value = match counted(&core.metrics, turn, started) {
        Ok(ready) => return ready,
        Err(undecodable) => undecodable,
    };
    core.discard(key, &value);
    let turn = turn::take(core, key, policy, deadline);
    // Somebody stores what this type can't be made of as soon as it is removed.
    counted(&core.metrics, turn, started).unwrap_or(Ready::Bypass(Bypass::Alone))
}

impl Core {
    /// Removes a value that can't be decoded, unless it has been replaced by another.
    fn discard(&self, key: &str, value: &[u8]) {
        tracing::debug!(key, "removing a value that cannot be decoded");
        self.metrics.record(Event::Undecodable);
        // If it fails, the caller finds the same value again and goes on without the cache.
        let _ = self.link.write(&command::delete_if_same(key, value));
    }
}

/// Computes, and stores what comes of it. If that fails, the source is let alone for `backoff`: only
/// while there is something to serve instead.
fn under_lease<T, E>(
    lease: Lease,
    policy: &Policy,
    backoff: Option<Duration>,
    compute: impl FnOnce() -> Result<Computed<T>, E>,
) -> Result<Fetched<T>, E>
where
    T: Encode,
{
    let core = Arc::clone(lease.core());
    let kept = lease.keep();
    let started = Instant::now();
    let outcome = compute();
    drop(kept);
    core.metrics.computed(&outcome, started.elapsed());
    match outcome {
        Ok(computed) => {
            store(&core, lease, policy, &computed);
            Ok(Fetched::new(computed.value, Source::Computed))
        }
        Err(error) => {
            lease.give_up(backoff);
            Err(error)
        }
    }
}

fn store<T: Encode>(core: &Core, lease: Lease, policy: &Policy, computed: &Computed<T>) {
    let Some((encoded, ttl)) = core.settings.keepable(policy, computed) else {
        return lease.give_up_uncached();
    };
    let tags = core.settings.tags(policy, &computed.tags);
    lease.fill(encoded, core.settings.storing(policy, ttl, &tags));
}

/// Answers from the source.
fn without_cache<T, E, F>(
    core: &Arc<Core>,
    key: &str,
    policy: &Policy,
    bypass: Bypass,
    compute: F,
) -> Result<Fetched<T>, E>
where
    T: Encode + Decode,
    F: FnOnce() -> Result<Computed<T>, E>,
{
    let ticket = match bypass {
        Bypass::Alone => None,
        Bypass::Unavailable(Some(ticket)) => {
            // Redis was there a moment ago: whoever comes later may know of a change since.
            ticket.close();
            Some(ticket)
        }
        Bypass::Unavailable(None) => match shared(core, key, policy) {
            Ok(value) => {
                core.metrics.record(Event::Shared);
                return Ok(Fetched::new(value, Source::Shared));
            }
            Err(ticket) => ticket,
        },
    };
    core.metrics.record(Event::Bypassed);
    let started = Instant::now();
    let outcome = compute();
    core.metrics.computed(&outcome, started.elapsed());
    if let Some(ticket) = ticket.filter(Ticket::has_followers) {
        land(core, policy, ticket, outcome.as_ref().ok());
    }
    Ok(Fetched::new(outcome?.value, Source::Bypassed))
}

/// Hands on what was computed without the cache. Who waited for a source that fails need not wait for the
/// next attempt.
fn land<T: Encode>(core: &Core, policy: &Policy, ticket: Ticket, computed: Option<&Computed<T>>) {
    match computed.and_then(|computed| core.settings.keepable(policy, computed)) {
        Some((encoded, _)) => ticket.share(encoded),
        None => ticket.alone(),
    }
}

/// The value that another caller of this process is computing without the cache, or the ticket of who is
/// to compute it (none: for itself only).
fn shared<T: Decode>(core: &Arc<Core>, key: &str, policy: &Policy) -> Result<T, Option<Ticket>> {
    let deadline = turn::after(core.settings.patience(policy));
    loop {
        let follower = match core.flights.board(Route::AroundIt, key) {
            Seat::Leader(ticket) => return Err(Some(ticket)),
            Seat::Follower(follower) => follower,
        };
        let patience = deadline.saturating_duration_since(Instant::now());
        match follower.outcome(patience) {
            Outcome::Shared(value) => return T::decode(value).map_err(|_| None),
            Outcome::Alone => return Err(None),
            Outcome::Again => {}
        }
    }
}
