//! A site: an origin that counts how often it is asked, the layer before it, and a server.

use std::convert::Infallible;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use larder_client::Cache;
use larder_client::http::{BoxError, CacheBody, CacheLayer, CacheService};
use larder_test_support::{Fields, Server};
use redis::Value;
use tower_layer::Layer;
use tower_service::Service;

pub(crate) type Sent = Full<Bytes>;
pub(crate) type Answered = Response<UnsyncBoxBody<Bytes, BoxError>>;
pub(crate) type Lines<'a> = &'a [(&'static str, &'static str)];

type Answering = Pin<Box<dyn Future<Output = Result<Answered, &'static str>> + Send>>;

/// The application behind the layer.
#[derive(Clone)]
pub(crate) struct Origin {
    calls: Arc<AtomicUsize>,
    answer: Arc<dyn Fn(Request<Sent>, usize) -> Answering + Send + Sync>,
}

impl Service<Request<Sent>> for Origin {
    type Response = Answered;
    type Error = &'static str;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Sent>) -> Answering {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        (self.answer)(request, call)
    }
}

pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) cache: Cache,
    pub(crate) service: CacheService<Origin>,
    origin: Origin,
}

/// What a client gets.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) fn cache(server: &Server) -> Cache {
    Cache::builder(format!("redis://127.0.0.1:{}", server.port()))
        .namespace("t")
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}

impl Site {
    /// Every answer has these fields, and its number as its body.
    pub(crate) fn with(fields: Lines<'static>) -> Self {
        Self::set_up(|layer| layer, fields)
    }

    pub(crate) fn set_up(
        layer: impl FnOnce(CacheLayer) -> CacheLayer,
        fields: Lines<'static>,
    ) -> Self {
        Self::answering(layer, move |_, call| async move {
            Ok(page(fields, call.to_string()))
        })
    }

    pub(crate) fn answering<F, Fut>(layer: impl FnOnce(CacheLayer) -> CacheLayer, answer: F) -> Self
    where
        F: Fn(Request<Sent>, usize) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Answered, &'static str>> + Send + 'static,
    {
        let server = Server::start();
        let cache = cache(&server);
        let origin = Origin {
            calls: Arc::default(),
            answer: Arc::new(move |request, call| Box::pin(answer(request, call))),
        };
        let service = layer(CacheLayer::new(&cache)).layer(origin.clone());
        Self {
            server,
            cache,
            service,
            origin,
        }
    }

    /// For the layer of another process.
    pub(crate) fn origin(&self) -> Origin {
        self.origin.clone()
    }

    pub(crate) fn calls(&self) -> usize {
        self.origin.calls.load(Ordering::SeqCst)
    }

    pub(crate) async fn get(&self, path: &str, fields: Lines<'_>) -> Reply {
        self.send("GET", path, fields).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, fields: Lines<'_>) -> Reply {
        let response = call(&self.service, method, path, fields).await;
        read(response.unwrap()).await
    }

    /// The bodies of two requests, one after the other, each with its fields.
    pub(crate) async fn twice(&self, first: Lines<'_>, second: Lines<'_>) -> (String, String) {
        let first = self.get("/", first).await;
        self.settled().await;
        (first.body, self.get("/", second).await.body)
    }

    /// Waits until nobody fetches anything, and until what is stale at once is stale for the server, too.
    pub(crate) async fn settled(&self) {
        let is_settled = |info: &Fields| {
            let ends = info.text("state") == "fresh" && info.int("ttl-ms") <= 1;
            info.text("lease") == "nil" && info.text("state") != "pending" && !ends
        };
        until("all is stored", async || {
            self.infos().iter().all(is_settled)
        })
        .await;
    }

    /// Waits until nobody fetches anything, though the origin may be let alone.
    pub(crate) async fn settled_but_for_backoff(&self) {
        let is_settled = |info: &Fields| info.text("lease") == "nil";
        until("all is done", async || self.infos().iter().all(is_settled)).await;
    }

    fn infos(&self) -> Vec<Fields> {
        let mut client = self.server.client();
        let keys = client.sorted("KEYS *");
        let infos = keys
            .iter()
            .map(|key| client.run(format!("CACHE.INFO {key}")));
        infos
            .filter(|info| *info != Value::Nil)
            .map(Fields::of)
            .collect()
    }
}

pub(crate) async fn call<S>(
    service: &S,
    method: &str,
    path: &str,
    fields: Lines<'_>,
) -> Result<Response<CacheBody>, S::Error>
where
    S: Service<Request<Sent>, Response = Response<CacheBody>> + Clone,
{
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in [("host", "site")].iter().chain(fields) {
        request = request.header(*name, *value);
    }
    service
        .clone()
        .call(request.body(Sent::default()).unwrap())
        .await
}

pub(crate) async fn read<B>(response: Response<B>) -> Reply
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Debug,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// What the cache says that it has done.
    #[track_caller]
    pub(crate) fn cache_status(&self) -> &str {
        self.field("cache-status")
    }

    #[track_caller]
    pub(crate) fn is_hit(&self) -> bool {
        self.cache_status().starts_with("larder; hit")
    }
}

pub(crate) fn page(fields: Lines<'_>, body: impl Into<Bytes>) -> Answered {
    answer(200, fields, body)
}

pub(crate) fn answer(status: u16, fields: Lines<'_>, body: impl Into<Bytes>) -> Answered {
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    let body = Full::new(body.into()).map_err(|never: Infallible| match never {});
    response.body(body.boxed_unsync()).unwrap()
}

pub(crate) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Polls `condition` until it holds, while other tasks go on.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(millis(2)).await;
    }
}
