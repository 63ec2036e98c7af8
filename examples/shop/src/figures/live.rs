//! `GET /live`: what the page asks for every second.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::app::App;
use crate::controls::tags::{self, TagSize};
use crate::figures::recent::Second;
use crate::figures::stats::{Figures, figures};

/// How many tags are shown.
const TAGS: usize = 9;

#[derive(Serialize)]
pub(crate) struct Live {
    #[serde(flatten)]
    figures: Figures,
    seconds: Vec<Second>,
    redis: Redis,
    visitors: u32,
    largest_tags: Vec<TagSize>,
}

#[derive(Serialize)]
struct Redis {
    port: u16,
    running: bool,
}

pub(crate) async fn read(State(app): State<Arc<App>>) -> Json<Live> {
    let running = app.redis.is_running().await;
    Json(Live {
        figures: figures(&app).await,
        seconds: app.recent.seconds(),
        redis: Redis {
            port: app.redis.port(),
            running,
        },
        visitors: app.visitors.rate(),
        largest_tags: tags::largest(&app.redis.url(), TAGS)
            .await
            .unwrap_or_default(),
    })
}
