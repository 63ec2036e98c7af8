//! Visitors, so that there is something to see: they look around, and now and then buy something.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use axum::response::Response;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::app::App;
use crate::product::{Edit, Product};
use crate::sample;

/// Visitors come in groups, so many per second.
const GROUPS: u32 = 10;
/// How many may be in the shop at a time. Those who find it full go away.
const ROOM: usize = 300;
/// What an answer takes at most, in bytes.
const LONGEST: usize = 1024 * 1024;

/// How many visitors come.
#[derive(Debug, Default)]
pub(crate) struct Visitors {
    per_second: AtomicU32,
}

impl Visitors {
    pub(crate) fn rate(&self) -> u32 {
        self.per_second.load(Ordering::Relaxed)
    }

    pub(crate) fn set_rate(&self, per_second: u32) {
        self.per_second.store(per_second, Ordering::Relaxed);
    }
}

impl App {
    /// Sends visitors through the catalogue.
    pub(crate) async fn receive_visitors(self: Arc<Self>, host: String) {
        let mut tick = tokio::time::interval(Duration::from_secs(1) / GROUPS);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let room = Arc::new(Semaphore::new(ROOM));
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for turn in 0_u32.. {
            tick.tick().await;
            let rate = self.visitors.rate();
            // Spread over the groups of a second: 25 come as 2, 3, 2, 3 ...
            let group = turn % GROUPS;
            let coming = (group + 1) * rate / GROUPS - group * rate / GROUPS;
            for _ in 0..coming {
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                    break;
                };
                let visit = Visit::new(&self.catalogue, &host, &mut dice);
                tokio::spawn(async move {
                    visit.make().await;
                    drop(place);
                });
            }
            if group == 0 && rate > 0 {
                let control = Visit::control(&self.catalogue, &host);
                tokio::spawn(control.make());
            }
        }
    }
}

/// What one visitor does.
struct Visit {
    catalogue: Router,
    host: String,
    path: String,
    buys: bool,
}

impl Visit {
    fn new(catalogue: &Router, host: &str, dice: &mut Dice) -> Self {
        let product = 1 + dice.small(sample::PRODUCTS);
        let (path, buys) = match dice.below(100) {
            0..2 => (format!("/products/{product}"), true),
            2..40 => (format!("/products/{product}"), false),
            40..55 => (format!("/products?page={}", 1 + dice.small(10)), false),
            55..75 => {
                let category = sample::categories().nth(dice.small(8)).unwrap_or_default();
                (format!("/categories/{category}"), false)
            }
            75..90 => {
                let brand = sample::BRANDS[dice.small(sample::BRANDS.len())];
                (format!("/brands/{brand}"), false)
            }
            _ => {
                let ids = [product, product + 1, product + 2].map(|id| id.to_string());
                (format!("/basket?ids={}", ids.join(",")), false)
            }
        };
        Self {
            catalogue: catalogue.clone(),
            host: host.to_owned(),
            path,
            buys,
        }
    }

    /// One who is sent past the cache, once a second, to compare with.
    fn control(catalogue: &Router, host: &str) -> Self {
        Self {
            catalogue: catalogue.clone(),
            host: host.to_owned(),
            path: "/categories/lighting?uncached=true".to_owned(),
            buys: false,
        }
    }

    async fn make(self) {
        let response = self.send(Method::GET, Body::empty()).await;
        let body = to_bytes(response.into_body(), LONGEST).await;
        if !self.buys {
            return;
        }
        let product = body.map(|body| serde_json::from_slice::<Product>(&body));
        if let Ok(Ok(product)) = product {
            // If somebody else was faster, the sale does not come about.
            self.buy(product).await;
        }
    }

    async fn buy(&self, product: Product) {
        let edit = Edit {
            // Sold out: the next delivery is there.
            stock: product
                .stock
                .checked_sub(1)
                .filter(|left| *left >= 0)
                .unwrap_or(40),
            name: product.name,
            price_cents: product.price_cents,
            revision: product.revision,
        };
        if let Ok(edit) = serde_json::to_vec(&edit) {
            self.send(Method::PUT, edit.into()).await;
        }
    }

    async fn send(&self, method: Method, body: Body) -> Response {
        let request = Request::builder()
            .method(method)
            .uri(&self.path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .unwrap_or_default();
        match self.catalogue.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Chance without a library: xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    /// The same with low numbers more often than high ones: everybody wants the same few things.
    fn small(&mut self, sides: usize) -> usize {
        self.below(sides)
            .min(self.below(sides))
            .min(self.below(sides))
    }
}
