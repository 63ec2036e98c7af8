//! `get_or_compute` and its relatives: what is there, or what the source says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument;

use super::cache::Cache;
use super::core::Core;
use super::flights::{Outcome, Route, Seat, Ticket};
use super::lease::Lease;
use super::owed;
use super::task::joined;
use super::turn::{self, Bypass, Turn};
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
    pub async fn get_or_compute<T, E, F, Fut>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'_>,
        compute: F,
    ) -> Result<T, E>
    where
        T: Encode + Decode,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let fetched = self
            .fetch(key, policy, || async { compute().await.map(Computed::new) })
            .await?;
        Ok(fetched.value)
    }

    /// The same as [`get_or_compute`](Self::get_or_compute) for a computation that has more to say
    /// than the value, and a caller who wants to know where it came from.
    ///
    /// # Errors
    ///
    /// Only what `compute` returns.
    pub async fn fetch<T, E, F, Fut>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'_>,
        compute: F,
    ) -> Result<Fetched<T>, E>
    where
        T: Encode + Decode,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Computed<T>, E>>,
    {
        let (key, policy) = (self.key(key), policy.into_policy());
        let ready = ready(&self.core, &key, &policy).await;
        answer(&self.core, &key, &policy, ready, compute).await
    }

    /// As [`fetch`](Self::fetch), but a value that is there is served at once, stale or not, and
    /// recomputed in the background. A computation that has begun is finished even if its caller
    /// has gone away, unless it is made without Redis. Must be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// Only what `compute` returns, and only to a caller for whom there is no value.
    pub async fn stale_while_revalidate<T, E, F, Fut>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'_>,
        compute: F,
    ) -> Result<Fetched<T>, E>
    where
        T: Encode + Decode + Send + Sync + 'static,
        E: Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Computed<T>, E>> + Send,
    {
        let (key, policy) = (self.key(key), policy.into_policy());
        match ready(&self.core, &key, &policy).await {
            Ready::Serve(fetched) => Ok(fetched),
            Ready::Refresh(fetched, lease) => {
                let backoff = self.core.settings.stale_if_error(&policy);
                drop(detached(lease, policy.into_owned(), backoff, compute));
                Ok(fetched)
            }
            Ready::Compute(lease) => {
                joined(detached(lease, policy.into_owned(), None, compute)).await
            }
            Ready::Bypass(bypass) => {
                Box::pin(without_cache(&self.core, &key, &policy, bypass, compute)).await
            }
        }
    }

    /// Computes the value of `key` anew, whatever is stored, and stores it. Callers who come
    /// meanwhile wait for it.
    ///
    /// # Errors
    ///
    /// Only what `compute` returns.
    pub async fn refresh<T, E, F, Fut>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'_>,
        compute: F,
    ) -> Result<T, E>
    where
        T: Encode + Decode,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let compute = || async { compute().await.map(Computed::new) };
        Ok(self.refetch(key, policy, compute).await?.value)
    }

    pub(crate) async fn refetch<T, E, F, Fut>(
        &self,
        key: &str,
        policy: impl IntoPolicy<'_>,
        compute: F,
    ) -> Result<Fetched<T>, E>
    where
        T: Encode + Decode,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Computed<T>, E>>,
    {
        let deleted = self.delete(key).await;
        let (key, policy) = (self.key(key), policy.into_policy());
        let ready = if deleted.is_ok() {
            // What is there now has been computed since.
            let deadline = Instant::now() + self.core.settings.patience(&policy);
            ready_to_compute(&self.core, &key, &policy, deadline).await
        } else {
            owed::delete_later(&self.core, key.clone());
            Ready::Bypass(Bypass::Alone)
        };
        answer(&self.core, &key, &policy, ready, compute).await
    }
}

/// Takes a turn and decodes its value. What can't be decoded counts as absent.
pub(crate) async fn ready<T: Decode>(core: &Arc<Core>, key: &str, policy: &Policy) -> Ready<T> {
    #[cfg(feature = "near-cache")]
    if let Some(ready) = core.near_ready(key, policy).await {
        return ready;
    }
    let started = Instant::now();
    let turn = turn::take(core, key, policy).await;
    decoded(core, key, policy, turn, started).await
}

/// The same for a key of which there is nothing fresh, as far as is known: asks for a lease at once, and
/// waits until `deadline`.
pub(crate) async fn ready_to_compute<T: Decode>(
    core: &Arc<Core>,
    key: &str,
    policy: &Policy,
    deadline: Instant,
) -> Ready<T> {
    let started = Instant::now();
    let turn = turn::decide_until(core, key, policy, deadline).await;
    decoded(core, key, policy, turn, started).await
}

async fn decoded<T: Decode>(
    core: &Arc<Core>,
    key: &str,
    policy: &Policy,
    turn: Turn,
    started: Instant,
) -> Ready<T> {
    let value = match counted(&core.metrics, turn, started) {
        Ok(ready) => return ready,
        Err(undecodable) => undecodable,
    };
    core.discard(key, &value).await;
    let turn = Box::pin(turn::decide(core, key, policy)).await;
    // Somebody stores what this type can't be made of as soon as it is removed.
    counted(&core.metrics, turn, started).unwrap_or(Ready::Bypass(Bypass::Alone))
}

impl Core {
    /// Removes a value that can't be decoded, unless it has been replaced by another.
    pub(crate) async fn discard(self: &Arc<Self>, key: &str, value: &[u8]) {
        tracing::debug!(key, "removing a value that cannot be decoded");
        self.metrics.record(Event::Undecodable);
        // If it fails, the caller finds the same value again and goes on without the cache.
        let _ = self.link.write(&command::delete_if_same(key, value)).await;
    }
}

async fn answer<T, E, F, Fut>(
    core: &Arc<Core>,
    key: &str,
    policy: &Policy,
    ready: Ready<T>,
    compute: F,
) -> Result<Fetched<T>, E>
where
    T: Encode + Decode,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<Computed<T>, E>>,
{
    match ready {
        Ready::Serve(fetched) => Ok(fetched),
        // What only a miss needs is kept out of the future of a hit.
        Ready::Compute(lease) => Box::pin(under_lease(lease, policy, None, compute())).await,
        Ready::Refresh(fetched, lease) => {
            let backoff = core.settings.stale_if_error(policy);
            match Box::pin(under_lease(lease, policy, backoff, compute())).await {
                Err(_) if fetched.source.stands_in(backoff) => Ok(fetched),
                outcome => outcome,
            }
        }
        Ready::Bypass(bypass) => Box::pin(without_cache(core, key, policy, bypass, compute)).await,
    }
}

/// Computes, and stores what comes of it. If that fails, the source is let alone for `backoff`: only
/// while there is something to serve instead.
async fn under_lease<T, E>(
    lease: Lease,
    policy: &Policy,
    backoff: Option<Duration>,
    computation: impl Future<Output = Result<Computed<T>, E>>,
) -> Result<Fetched<T>, E>
where
    T: Encode,
{
    let core = Arc::clone(lease.core());
    let keeper = lease.keep();
    let started = Instant::now();
    let span = tracing::debug_span!("compute", cache = %core.settings.name);
    let outcome = computation.instrument(span).await;
    drop(keeper);
    core.metrics.computed(&outcome, started.elapsed());
    match outcome {
        Ok(computed) => {
            store(&core, lease, policy, &computed).await;
            Ok(Fetched::new(computed.value, Source::Computed))
        }
        Err(error) => {
            lease.give_up(backoff).await;
            Err(error)
        }
    }
}

fn detached<T, E, F, Fut>(
    lease: Lease,
    policy: Policy,
    backoff: Option<Duration>,
    compute: F,
) -> tokio::task::JoinHandle<Result<Fetched<T>, E>>
where
    T: Encode + Send + Sync + 'static,
    E: Send + 'static,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<Computed<T>, E>> + Send,
{
    tokio::spawn(async move { under_lease(lease, &policy, backoff, compute()).await })
}

async fn store<T: Encode>(core: &Core, lease: Lease, policy: &Policy, computed: &Computed<T>) {
    let Some((encoded, ttl)) = core.settings.keepable(policy, computed) else {
        return lease.give_up_uncached().await;
    };
    let tags = core.settings.tags(policy, &computed.tags);
    lease
        .fill(encoded, core.settings.storing(policy, ttl, &tags))
        .await;
}

/// Answers from the source.
async fn without_cache<T, E, F, Fut>(
    core: &Arc<Core>,
    key: &str,
    policy: &Policy,
    bypass: Bypass,
    compute: F,
) -> Result<Fetched<T>, E>
where
    T: Encode + Decode,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<Computed<T>, E>>,
{
    let ticket = match bypass {
        Bypass::Alone => None,
        Bypass::Unavailable(Some(ticket)) => {
            // Redis was there a moment ago: whoever comes later may know of a change since.
            ticket.close();
            Some(ticket)
        }
        Bypass::Unavailable(None) => match shared(core, key, policy).await {
            Ok(value) => {
                core.metrics.record(Event::Shared);
                return Ok(Fetched::new(value, Source::Shared));
            }
            Err(ticket) => ticket,
        },
    };
    core.metrics.record(Event::Bypassed);
    let started = Instant::now();
    let outcome = compute().await;
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
async fn shared<T: Decode>(
    core: &Arc<Core>,
    key: &str,
    policy: &Policy,
) -> Result<T, Option<Ticket>> {
    let deadline = Instant::now() + core.settings.patience(policy);
    loop {
        let follower = match core.flights.board(Route::AroundIt, key) {
            Seat::Leader(ticket) => return Err(Some(ticket)),
            Seat::Follower(follower) => follower,
        };
        match follower
            .outcome(deadline.saturating_duration_since(Instant::now()))
            .await
        {
            Outcome::Shared(value) => return T::decode(value).map_err(|_| None),
            Outcome::Alone => return Err(None),
            Outcome::Again => {}
        }
    }
}
