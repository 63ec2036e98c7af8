//! The same page, served in several ways by axum.

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use http_body_util::Full;
use larder_client::Cache;
use larder_client::http::CacheLayer;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, AsyncConnectionConfig, Client, IntoConnectionInfo};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tower::{Layer, Service, service_fn};
use tower_http_cache::backend::redis::RedisBackend;
use tower_http_cache::layer::CacheLayer as OtherLayer;

type Request = axum::extract::Request;
type Page = Full<axum::body::Bytes>;

/// How long Redis may take, and a page lasts: longer than all of this.
const LONG: Duration = Duration::from_secs(600);

pub(crate) const ONE_GET: &str = "a handler that does one GET";

/// A web server with one page.
pub(crate) struct Site {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    /// How often the application behind the cache may be asked.
    may_ask: usize,
    asked: Arc<AtomicUsize>,
}

impl Site {
    async fn open(
        name: &'static str,
        may_ask: usize,
        router: impl AsyncFnOnce(Arc<AtomicUsize>) -> Router,
    ) -> Self {
        let asked = Arc::default();
        let port = serve(router(Arc::clone(&asked)).await).await;
        Self {
            name,
            port,
            may_ask,
            asked,
        }
    }

    /// A cache that has not cached has not been measured.
    pub(crate) fn check(&self) {
        let asked = self.asked.load(Ordering::Relaxed);
        assert!(asked <= self.may_ask, "{} asked {asked} times", self.name);
    }
}

/// Opens all of them. The layer and its rival come last.
pub(crate) async fn open_all(redis: u16, size: usize) -> Vec<Site> {
    let url = format!("redis://127.0.0.1:{redis}");
    let without = async |asked| route(application(asked, size));
    let layer = async |asked| route(layer(&url).layer(application(asked, size)));
    let rival = async |asked| {
        let cached = rival(&url).await.layer(application(asked, size));
        route(HandleError::new(cached, failed))
    };
    vec![
        Site::open("a handler without Redis", usize::MAX, without).await,
        Site::open(ONE_GET, 0, async |_| one_get(&url, size).await).await,
        Site::open("Larder's layer", 1, layer).await,
        Site::open("tower-http-cache", 1, rival).await,
    ]
}

/// The rival's layer does not take axum's own bodies, so this is no handler.
fn application(
    asked: Arc<AtomicUsize>,
    size: usize,
) -> impl Service<Request, Response = Response<Page>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync {
    service_fn(move |_: Request| {
        asked.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(page(vec![b'x'; size])))
    })
}

fn page(body: Vec<u8>) -> Response<Page> {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header(CACHE_CONTROL, "max-age=600")
        .header(ETAG, "\"a1b2c3\"")
        .body(Full::from(body))
        .expect("a response")
}

fn route<S>(service: S) -> Router
where
    S: Service<Request, Error = Infallible, Response: IntoResponse, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    Router::new().route_service("/page", service)
}

async fn one_get(url: &str, size: usize) -> Router {
    let (client, config) = (client(url), AsyncConnectionConfig::new());
    let config = config.set_response_timeout(Some(LONG));
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = connection.await.expect("a connection");
    let stored = connection.set("one-get", "x".repeat(size));
    let () = stored.await.expect("a page to be stored");
    let handler = move || {
        let mut connection = connection.clone();
        async move {
            let found: Vec<u8> = connection.get("one-get").await.expect("a page");
            page(found).map(axum::body::Body::new)
        }
    };
    Router::new().route("/page", get(handler))
}

fn layer(url: &str) -> CacheLayer {
    let cache = Cache::builder(url).namespace("larder").timeout(LONG);
    CacheLayer::new(&cache.build().expect("a cache"))
}

async fn rival(url: &str) -> OtherLayer<RedisBackend> {
    let config = ConnectionManagerConfig::new().set_response_timeout(Some(LONG));
    let connection = ConnectionManager::new_with_config(client(url), config);
    let backend = RedisBackend::new(connection.await.expect("a connection"));
    OtherLayer::builder(backend).ttl(LONG).build()
}

/// As the layer's own connection: without Nagle's delay.
fn client(url: &str) -> Client {
    let without_delay = redis::io::tcp::TcpSettings::default().set_nodelay(true);
    let info = url.into_connection_info().expect("an address");
    Client::open(info.set_tcp_settings(without_delay)).expect("a client")
}

async fn failed(error: tower_http_cache::layer::BoxError) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

async fn serve(router: Router) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a socket"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}
