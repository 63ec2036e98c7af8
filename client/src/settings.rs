//! What the builder was told, as both caches need it.

use std::time::Duration;

use crate::codec::Encoding;
use crate::key::Namespace;
use crate::policy::{Policy, Ttl};
use crate::protocol::command::{Asking, Storing};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) namespace: Namespace,
    /// What a policy leaves open.
    pub(crate) defaults: Policy,
    pub(crate) encoding: Encoding,
    /// How long one operation may take.
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// `None`: as many as suit the kind of cache.
    pub(crate) connections: Option<usize>,
    pub(crate) waiting_connections: usize,
    pub(crate) failures_to_open: u32,
    pub(crate) probe_every: Duration,
    #[cfg(feature = "near-cache")]
    pub(crate) near: crate::near::Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            namespace: Namespace::new(""),
            defaults: Policy::default(),
            encoding: Encoding::default(),
            timeout: Duration::from_millis(250),
            connect_timeout: Duration::from_millis(250),
            connections: None,
            waiting_connections: 8,
            failures_to_open: 5,
            probe_every: Duration::from_secs(1),
            #[cfg(feature = "near-cache")]
            near: crate::near::Limits::default(),
        }
    }
}

impl Settings {
    /// How long a lease lasts if the policy does not say: the server's default is the same.
    const LEASE: Duration = Duration::from_secs(5);
    /// Renewals have to come in time.
    const SHORTEST_LEASE: Duration = Duration::from_millis(50);
    /// The server's own limit, for leases and backoffs, unless it is set otherwise.
    const LONGEST_LEASE: Duration = Duration::from_secs(60);
    /// Times beyond this are no end at all. The server has a limit as well, some way further.
    const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    const PATIENCE: Duration = Duration::from_secs(10);
    /// The server lets nobody wait longer.
    pub(crate) const MOST_PATIENCE: Duration = Duration::from_secs(300);

    pub(crate) fn asking(&self, policy: &Policy) -> Asking {
        Asking {
            lease: Some(self.lease(policy)),
            wait: None,
            early: self.early(policy),
            fresh: false,
        }
    }

    /// The beta by which callers are drawn to recompute a value early.
    pub(crate) fn early(&self, policy: &Policy) -> Option<f64> {
        let early = policy.early.or(self.defaults.early);
        early.filter(|beta| beta.is_finite() && *beta > 0.0)
    }

    pub(crate) fn lease(&self, policy: &Policy) -> Duration {
        let lease = policy.lease.or(self.defaults.lease).unwrap_or(Self::LEASE);
        lease.clamp(Self::SHORTEST_LEASE, Self::LONGEST_LEASE)
    }

    pub(crate) fn patience(&self, policy: &Policy) -> Duration {
        let patience = policy.patience.or(self.defaults.patience);
        patience.unwrap_or(Self::PATIENCE).min(Self::MOST_PATIENCE)
    }

    pub(crate) fn stale_if_error(&self, policy: &Policy) -> Option<Duration> {
        let backoff = policy.stale_if_error.or(self.defaults.stale_if_error);
        backoff.map(|backoff| backoff.min(Self::LONGEST_LEASE))
    }

    /// How `CACHE.SET` is to store something under `policy`; `ttl` is what the value itself asks for.
    pub(crate) fn storing<'a>(
        &self,
        policy: &Policy,
        ttl: Option<Duration>,
        tags: &'a [String],
    ) -> Storing<'a> {
        let policy_ttl = match policy.ttl.or(self.defaults.ttl) {
            Some(Ttl::For(ttl)) => Some(ttl),
            Some(Ttl::Forever) | None => None,
        };
        let grace = policy.grace.or(self.defaults.grace);
        let jitter = policy.jitter.or(self.defaults.jitter).unwrap_or(0.0);
        Storing {
            ttl: ttl
                .or(policy_ttl)
                .filter(|ttl| *ttl < Self::FOREVER)
                .map(|ttl| shortened(ttl, jitter)),
            grace: grace.map(|grace| grace.min(Self::FOREVER)),
            token: None,
            tags,
        }
    }

    pub(crate) fn negative_ttl(&self, policy: &Policy) -> Option<Duration> {
        policy.negative_ttl.or(self.defaults.negative_ttl)
    }

    /// The full names of all tags of a value: the default ones, the policy's, its own.
    pub(crate) fn tags(&self, policy: &Policy, own: &[String]) -> Vec<String> {
        let all = self.defaults.tags.iter().chain(&policy.tags).chain(own);
        all.map(|tag| self.namespace.tag(tag)).collect()
    }
}

/// `ttl` less a random part of up to `share` of it.
fn shortened(ttl: Duration, share: f64) -> Duration {
    if share.is_nan() || share <= 0.0 {
        return ttl;
    }
    ttl.mul_f64((1.0 - share * crate::chance::fraction()).max(0.0))
}
