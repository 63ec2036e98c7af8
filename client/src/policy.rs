//! How long a value is kept, under which tags, and what happens around its end.

use std::borrow::Cow;
use std::time::Duration;

/// How a value is stored and recomputed. What it leaves open is the cache's own default.
///
/// ```
/// use larder_client::Policy;
/// use std::time::Duration;
///
/// let policy = Policy::ttl(Duration::from_secs(60))
///     .grace(Duration::from_secs(600))
///     .tags(["catalogue", "brand:7"]);
/// ```
///
/// Wherever a policy is asked for, a [`Duration`] will do: it is the time to live.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Policy {
    pub(crate) ttl: Option<Ttl>,
    pub(crate) grace: Option<Duration>,
    pub(crate) tags: Vec<String>,
    pub(crate) jitter: Option<f64>,
    pub(crate) early: Option<f64>,
    pub(crate) negative_ttl: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) lease: Option<Duration>,
    pub(crate) patience: Option<Duration>,
}

/// The time to live of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    For(Duration),
    Forever,
}

impl Policy {
    /// A value is fresh for `ttl`.
    pub fn ttl(ttl: Duration) -> Self {
        Self {
            ttl: Some(Ttl::For(ttl)),
            ..Self::default()
        }
    }

    /// A value is fresh until it is deleted, invalidated or evicted.
    pub fn forever() -> Self {
        Self {
            ttl: Some(Ttl::Forever),
            ..Self::default()
        }
    }

    /// A value can be served for `grace` after its TTL, while a new one is computed.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Values carry these tags (in addition to those given before).
    pub fn tags<I>(mut self, tags: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Shortens each TTL by a random part of up to `share` (0 to 1), so that values stored together
    /// do not end together.
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = Some(share.clamp(0.0, 1.0));
        self
    }

    /// Lets a caller recompute a value before it ends: the likelier the nearer its end, and the
    /// longer it took to compute. 1 is the usual `beta`, more is earlier ("`XFetch`": Vattani,
    /// Chierichetti, Lowenstein, *Optimal Probabilistic Cache Stampede Prevention*, VLDB 2015). It does
    /// not apply to the fresh values of a batch.
    pub fn early(mut self, beta: f64) -> Self {
        self.early = Some(beta);
        self
    }

    /// Keeps `None`, for `ttl`. Otherwise it is not kept at all: whatever is missing now would stay
    /// missing for as long as other values last.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = Some(ttl);
        self
    }

    /// Serves the stale value when its recomputation fails, and lets the source alone for `backoff`
    /// (at most `cache.max-lease-time`, a minute). Needs a [`grace`](Self::grace).
    pub fn stale_if_error(mut self, backoff: Duration) -> Self {
        self.stale_if_error = Some(backoff);
        self
    }

    /// How long the right to compute lasts if its holder dies without closing its connection: 5 seconds
    /// by default, a minute at most. It is renewed while the computation runs, however long that takes.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// How long a caller waits for somebody else's computation before it computes for itself: ten
    /// seconds by default, five minutes at most.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }
}

/// What can be given where a policy is asked for: a [`Policy`], a reference to one, or a [`Duration`],
/// the time to live.
pub trait IntoPolicy<'a> {
    /// The policy, borrowed where that is possible.
    fn into_policy(self) -> Cow<'a, Policy>;
}

impl IntoPolicy<'static> for Duration {
    fn into_policy(self) -> Cow<'static, Policy> {
        Cow::Owned(Policy::ttl(self))
    }
}

impl IntoPolicy<'static> for Policy {
    fn into_policy(self) -> Cow<'static, Policy> {
        Cow::Owned(self)
    }
}

impl<'a> IntoPolicy<'a> for &'a Policy {
    fn into_policy(self) -> Cow<'a, Policy> {
        Cow::Borrowed(self)
    }
}
