//! A shop, and what is asked of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use larder_shop::{App, Settings};
use serde_json::Value;
use tower::ServiceExt;

/// Every route that shows product 3, which is a table of kestrel's.
pub(crate) const VIEWS: [&str; 5] = [
    "/products?page=1",
    "/products/3",
    "/categories/tables",
    "/brands/kestrel",
    "/basket?ids=1,3",
];

pub(crate) struct Shop {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) cache_status: String,
    pub(crate) text: String,
}

impl Shop {
    /// Opens a shop that has time: this machine may be busy.
    pub(crate) async fn open() -> Self {
        let settings = Settings {
            delay: Duration::from_millis(5),
            timeout: Duration::from_secs(5),
        };
        let app = App::start(settings).await.unwrap();
        let router = app.router();
        Self { app, router }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &Value::Null).await
    }

    /// What a successful answer contains.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        serde_json::from_str(&answer.text).unwrap()
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.headers().get("cache-status");
        let cache_status = status.map_or("", |status| status.to_str().unwrap());
        let (status, cache_status) = (response.status(), cache_status.to_owned());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer {
            status,
            cache_status,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// The price of a product in an answer; none if it is not there.
    pub(crate) async fn price(&self, view: &str, id: i64) -> Option<i64> {
        let shown = self.json(view).await;
        let products = match shown {
            Value::Array(products) => products,
            product => vec![product],
        };
        let product = products.into_iter().find(|product| product["id"] == id)?;
        product["price_cents"].as_i64()
    }

    /// Sets the price of a product as it is now.
    pub(crate) async fn reprice(&self, id: i64, price_cents: i64) -> Answer {
        let path = format!("/products/{id}");
        let mut product = self.json(&path).await;
        product["price_cents"] = price_cents.into();
        self.send(Method::PUT, &path, &product).await
    }

    /// How many queries it takes to do something.
    pub(crate) async fn queries<T>(&self, work: impl Future<Output = T>) -> u64 {
        let before = self.app.database().queries();
        work.await;
        self.app.database().queries() - before
    }

    /// Sends a command to the shop's Redis.
    pub(crate) async fn redis<T: redis::FromRedisValue>(&self, words: &str) -> T {
        let client = redis::Client::open(self.app.redis().url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        command.arg(words.collect::<Vec<_>>());
        command.query_async(&mut connection).await.unwrap()
    }
}

/// Polls `condition` until it holds, while other tasks go on.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
