//! `GET /cache/stats`: the figures as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use larder_client::stats::Stats;
use serde::Serialize;

use crate::app::App;

/// All that is counted.
#[derive(Serialize)]
pub(crate) struct Figures {
    /// What this process has done.
    pub(crate) client: Stats,
    /// `CACHE.STATS`; nothing while Redis does not answer.
    pub(crate) server: Option<BTreeMap<String, f64>>,
    pub(crate) source: Source,
    /// Whether Redis is left alone for now.
    pub(crate) bypassed: bool,
}

/// The database.
#[derive(Serialize)]
pub(crate) struct Source {
    pub(crate) queries: u64,
    pub(crate) delay_ms: u64,
}

pub(crate) async fn read(State(app): State<Arc<App>>) -> Json<Figures> {
    Json(figures(&app).await)
}

pub(crate) async fn figures(app: &App) -> Figures {
    let (cache, database) = (&app.shop.cache, &app.shop.database);
    let server = cache.server_stats().await.ok();
    Figures {
        client: cache.stats(),
        server,
        source: Source {
            queries: database.queries(),
            delay_ms: u64::try_from(database.delay().as_millis()).unwrap_or(u64::MAX),
        },
        bypassed: cache.is_bypassed(),
    }
}
