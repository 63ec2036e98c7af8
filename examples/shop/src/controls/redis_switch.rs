//! `PUT /redis`: the server is killed, or started again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::app::App;
use crate::failure::Failure;

#[derive(Deserialize)]
pub(crate) struct Switch {
    running: bool,
}

pub(crate) async fn turn(
    State(app): State<Arc<App>>,
    Json(switch): Json<Switch>,
) -> Result<StatusCode, Failure> {
    if switch.running {
        app.redis.resume().await?;
    } else {
        app.redis.kill().await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
