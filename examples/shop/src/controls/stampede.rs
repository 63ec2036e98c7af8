//! `POST /stampede`: many requests at once for a page that nobody has, and the same without the cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::Request;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::app::App;
use crate::catalogue::category;
use crate::failure::Failure;
use crate::figures::recent::{median_ms, millis};
use crate::tables::Order;

/// The most requests of one stampede.
const MOST: usize = 500;
/// A page that visitors don't ask for, so that nobody else makes or finds it.
const CATEGORY: &str = "lighting";

#[derive(Deserialize)]
pub(crate) struct Herd {
    requests: usize,
}

/// What came of it.
#[derive(Serialize)]
pub(crate) struct Outcome {
    requests: usize,
    cached: Run,
    uncached: Run,
}

#[derive(Serialize)]
struct Run {
    /// How many of them asked the database.
    queries: usize,
    /// How many were answered by another one's query.
    waited: usize,
    median_ms: f64,
    slowest_ms: f64,
}

struct Answer {
    took: Duration,
    /// `Cache-Status`.
    status: String,
}

pub(crate) async fn run(
    State(app): State<Arc<App>>,
    Json(Herd { requests }): Json<Herd>,
) -> Result<Json<Outcome>, Failure> {
    if !(1..=MOST).contains(&requests) {
        return Err(Failure::Invalid(format!("requests: 1 to {MOST}")));
    }
    // Without Redis there is nothing to delete, and it runs all the same.
    let _ = app
        .shop
        .cache
        .delete(&category::key(CATEGORY, Order::Price))
        .await;
    let page = format!("/categories/{CATEGORY}?order=price");
    Ok(Json(Outcome {
        requests,
        cached: herd(&app.catalogue, requests, &page).await,
        uncached: herd(&app.catalogue, requests, &format!("{page}&uncached=true")).await,
    }))
}

async fn herd(catalogue: &Router, requests: usize, page: &str) -> Run {
    let mut herd = JoinSet::new();
    for _ in 0..requests {
        herd.spawn(ask(catalogue.clone(), page.to_owned()));
    }
    let answers: Vec<Answer> = herd.join_all().await;
    let with = |is: fn(&str) -> bool| answers.iter().filter(|answer| is(&answer.status)).count();
    let mut times: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
    Run {
        queries: with(category::is_own_query),
        waited: with(category::is_shared),
        median_ms: median_ms(&mut times).unwrap_or_default(),
        slowest_ms: times.last().map(millis).unwrap_or_default(),
    }
}

async fn ask(catalogue: Router, page: String) -> Answer {
    let started = Instant::now();
    let request = Request::get(page).body(Body::empty()).unwrap_or_default();
    let response = match catalogue.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.headers().get("cache-status");
    let status = status
        .and_then(|status| status.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let _ = to_bytes(response.into_body(), usize::MAX).await;
    Answer {
        took: started.elapsed(),
        status,
    }
}
