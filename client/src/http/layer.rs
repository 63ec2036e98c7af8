//! The layer, its settings, and the service that it makes of another one.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Response, request::Parts};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{BoxError, CacheBody};
use super::exchange;
use super::rules::storing::Choices;
use crate::Cache;
use crate::debts::Debts;
use crate::policy::Policy;

/// Puts a shared HTTP cache before a service. See the [module](super) for what it does.
#[derive(Clone)]
#[must_use]
pub struct CacheLayer {
    shared: Shared,
}

/// What decides whether a request may purge.
type Guard = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

/// The cache and what it was told.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) cache: Cache,
    pub(crate) policy: Policy,
    pub(crate) choices: Choices,
    pub(crate) name: String,
    pub(crate) tag_headers: Vec<HeaderName>,
    pub(crate) max_body: usize,
    /// For how long a stale response is kept that may turn out to be unchanged.
    pub(crate) keep_stale: Duration,
    /// For how long requests go straight to the origin after a response that can't be stored.
    pub(crate) pass_for: Duration,
    /// For how long a failing origin is let alone while there is something stale to serve.
    pub(crate) backoff: Duration,
    /// For how long one call of the origin keeps others waiting.
    pub(crate) fetch_limit: Duration,
    pub(crate) guard: Option<Guard>,
    /// Tags to be invalidated.
    pub(crate) owed: Arc<Debts>,
}

impl CacheLayer {
    /// A layer with what is safe: responses are kept only as long as they say, and shared only if
    /// nothing speaks against it.
    pub fn new(cache: &Cache) -> Self {
        let choices = Choices {
            default_lifetime: None,
            heuristics: false,
            share_cookies: false,
            stale_if_error: 0,
        };
        Self {
            shared: Shared {
                cache: cache.clone(),
                policy: Policy::default(),
                choices,
                name: "larder".to_owned(),
                tag_headers: vec![
                    HeaderName::from_static("cache-tag"),
                    HeaderName::from_static("surrogate-key"),
                ],
                max_body: 2 * 1024 * 1024,
                keep_stale: Duration::from_secs(60 * 60),
                pass_for: Duration::from_secs(1),
                backoff: Duration::from_secs(5),
                fetch_limit: Duration::from_secs(60),
                guard: None,
                owed: Arc::default(),
            },
        }
    }

    /// Keeps responses for `ttl` that don't say how long they may be kept. Only those with a status
    /// that allows it (200, 404 ...), and to requests without cookies.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.shared.choices.default_lifetime = Some(ttl.as_secs());
        self
    }

    /// Keeps responses that don't say how long they may be kept, but when they were last changed, for a
    /// tenth of the time since then, up to a day (RFC 9111 §4.2.2).
    pub fn heuristic_freshness(mut self, on: bool) -> Self {
        self.shared.choices.heuristics = on;
        self
    }

    /// Stores responses that set cookies, if they say how long they may be kept. Everybody will be given
    /// the same cookie.
    pub fn share_cookies(mut self, on: bool) -> Self {
        self.shared.choices.share_cookies = on;
        self
    }

    /// Serves a stale response for up to `window` when the service fails (an error, or a status of 500
    /// and more), unless the response forbids it or says how long itself.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.shared.choices.stale_if_error = window.as_secs();
        self
    }

    /// The fields that a response names its tags in: separated by spaces or commas, and removed on the
    /// way to the client. `Cache-Tag` and `Surrogate-Key` by default.
    pub fn tag_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.shared.tag_headers = names.into_iter().collect();
        self
    }

    /// How many bytes a body may have to be stored: 2 MiB by default. A larger one passes unharmed.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.shared.max_body = bytes;
        self
    }

    /// For how long a stale response is kept that the service may confirm by `304 Not Modified`: an hour
    /// by default.
    pub fn keep_stale(mut self, time: Duration) -> Self {
        self.shared.keep_stale = time;
        self
    }

    /// For how long requests go straight to the service after a response that could not be stored, so
    /// that they need not wait for one another: a second by default.
    pub fn pass_for(mut self, time: Duration) -> Self {
        self.shared.pass_for = time;
        self
    }

    /// For how long a failing service is let alone while there is something stale to serve: 5 seconds by
    /// default, a minute at most (`cache.max-lease-time`).
    pub fn backoff(mut self, time: Duration) -> Self {
        self.shared.backoff = time;
        self
    }

    /// For how long one call of the service is waited for by others: a minute by default, and then the rest of
    /// its lease. What takes longer, head and body, is not stored, and the next request has its turn.
    pub fn fetch_limit(mut self, time: Duration) -> Self {
        self.shared.fetch_limit = time;
        self
    }

    /// How long requests wait for somebody else's before they ask the service themselves, how long a
    /// lease is, and tags for all responses. Times to live are what responses say.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.shared.policy = policy;
        self
    }

    /// What the cache is called in `Cache-Status`: a word. `larder` by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.shared.name = name.into();
        self
    }

    /// Lets requests with the method `PURGE` invalidate, if `guard` says so: by their address, or by the
    /// tags in a `Cache-Tag` field; with `Purge: soft` responses become stale instead. Without a guard
    /// they are passed to the service like any other.
    pub fn purge(mut self, guard: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.shared.guard = Some(Arc::new(guard));
        self
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = CacheService<S>;

    fn layer(&self, inner: S) -> CacheService<S> {
        CacheService {
            inner,
            shared: Arc::new(self.shared.clone()),
        }
    }
}

/// A service behind a cache.
#[derive(Clone)]
pub struct CacheService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for CacheService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    ReqBody: Body + Default + Send + 'static,
    ResBody: Body<Data = Bytes> + Send + 'static,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<CacheBody>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The one that has said it is ready is the one to be called.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        Box::pin(exchange::handle(Arc::clone(&self.shared), inner, request))
    }
}

impl fmt::Debug for CacheLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer")
            .field("choices", &self.shared.choices)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for CacheService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
