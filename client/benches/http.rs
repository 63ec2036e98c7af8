//! What the HTTP layer costs: a page out of the cache beside a handler that does one `GET` and returns
//! what it finds.
//!
//! `cargo bench -p larder-client --features http --bench http`. Both take turns on one server and one
//! kind of connection; the table shows medians, ratios are formed within a round. Without a network:
//! requests go in, and bodies come out, as values.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark that cannot go on has failed"
)]

mod contest;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use larder_client::Cache;
use larder_client::http::CacheLayer;
use larder_test_support::Server;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use tower_layer::Layer;
use tower_service::Service;

use crate::contest::{connect, median};

const ROUNDS: usize = 15;
const CALLS: usize = 4000;

type Answering = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;

/// A handler that has its pages in Redis.
#[derive(Clone)]
struct Plain(MultiplexedConnection);

impl Service<Request<Full<Bytes>>> for Plain {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Answering {
        let mut connection = self.0.clone();
        Box::pin(async move {
            let page: Vec<u8> = redis::AsyncCommands::get(&mut connection, "plain")
                .await
                .unwrap();
            Ok(page_of(page))
        })
    }
}

/// The application behind the layer.
#[derive(Clone)]
struct Origin(usize);

impl Service<Request<Full<Bytes>>> for Origin {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Answering {
        let size = self.0;
        Box::pin(async move { Ok(page_of(vec![b'x'; size])) })
    }
}

fn page_of(body: Vec<u8>) -> Response<Full<Bytes>> {
    Response::builder()
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .header("cache-control", "max-age=600")
        .header("etag", "\"a1b2c3\"")
        .body(Full::from(body))
        .unwrap()
}

#[tokio::main]
async fn main() {
    let server = Server::start();
    let url = format!("redis://127.0.0.1:{}", server.port());
    let cache = Cache::builder(url.as_str())
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let connection = connect(&url).await;
    println!("A page out of the cache, {CALLS} in each of {ROUNDS} rounds (median over rounds):\n");
    println!("| page | callers at a time | one `GET` | the layer | rate of the layer to it |");
    println!("| --- | --- | --- | --- | --- |");
    for size in [1_000, 20_000] {
        let () = redis::cmd("SET")
            .arg("plain")
            .arg(vec![b'x'; size])
            .query_async(&mut connection.clone())
            .await
            .unwrap();
        let cached = CacheLayer::new(&cache).layer(Origin(size));
        compare(size, Plain(connection.clone()), cached).await;
    }
}

async fn compare<C>(size: usize, plain: Plain, cached: C)
where
    C: Service<Request<Full<Bytes>>, Response: IntoBody> + Clone + Send + 'static,
    C::Future: Send,
    C::Error: std::fmt::Debug + Send,
{
    for callers in [1, 32] {
        let (mut plains, mut layers, mut ratios) = (vec![], vec![], vec![]);
        for round in 0..=ROUNDS {
            let one = timed(size, callers, &plain).await;
            let other = timed(size, callers, &cached).await;
            // The first round warms up.
            if round > 0 {
                plains.push(one);
                layers.push(other);
                ratios.push(one / other);
            }
        }
        let [one, other, ratio] = [plains, layers, ratios].map(median);
        println!("| {size} B | {callers} | {one:.1} µs | {other:.1} µs | {ratio:.2} |");
    }
}

trait IntoBody: Send {
    fn into_bytes(self) -> impl Future<Output = Bytes> + Send;
}

impl<B> IntoBody for Response<B>
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Send,
{
    async fn into_bytes(self) -> Bytes {
        self.into_body().collect().await.unwrap().to_bytes()
    }
}

/// Microseconds per call, with so many callers at a time.
async fn timed<S>(size: usize, callers: usize, service: &S) -> f64
where
    S: Service<Request<Full<Bytes>>, Response: IntoBody> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug + Send,
{
    let before = Instant::now();
    let mut crowd = JoinSet::new();
    for _ in 0..callers {
        let mut service = service.clone();
        crowd.spawn(async move {
            for _ in 0..CALLS / callers {
                let request = Request::get(format!("/products/{size}"))
                    .header("host", "localhost:8080")
                    .header("accept", "application/json")
                    .header("user-agent", "bench");
                let request = request.body(Full::default()).unwrap();
                let response = service.call(request).await.unwrap();
                assert_eq!(response.into_bytes().await.len(), size);
            }
        });
    }
    crowd.join_all().await;
    before.elapsed().as_secs_f64() * 1e6 / CALLS as f64
}
