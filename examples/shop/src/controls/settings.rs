//! `PUT /settings`: how slow the database is, and how many visitors there are.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::app::App;
use crate::failure::Failure;

/// The slowest query, in milliseconds.
const SLOWEST: u64 = 2_000;
/// The most visitors per second.
const MOST: u32 = 200;

#[derive(Deserialize)]
pub(crate) struct Changes {
    delay_ms: Option<u64>,
    visitors: Option<u32>,
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Json(Changes { delay_ms, visitors }): Json<Changes>,
) -> Result<StatusCode, Failure> {
    if delay_ms.is_some_and(|delay| delay > SLOWEST) {
        return Err(Failure::Invalid(format!("delay_ms: 0 to {SLOWEST}")));
    }
    if visitors.is_some_and(|visitors| visitors > MOST) {
        return Err(Failure::Invalid(format!("visitors: 0 to {MOST}")));
    }
    if let Some(delay) = delay_ms {
        app.shop.database.set_delay(Duration::from_millis(delay));
    }
    if let Some(visitors) = visitors {
        app.visitors.set_rate(visitors);
    }
    Ok(StatusCode::NO_CONTENT)
}
