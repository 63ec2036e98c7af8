//! Tags: which are the largest (`CACHE.TAGLIST`), and `POST /cache/invalidate`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::failure::Failure;

/// What the cache puts before every tag.
const NAMESPACE: &str = "shop:";
/// How many tags the server names at a time.
const STEP: usize = 1_000;

#[derive(Deserialize, Serialize)]
pub(crate) struct TagSize {
    pub(crate) tag: String,
    pub(crate) entries: u64,
}

#[derive(Deserialize)]
pub(crate) struct Invalidation {
    tag: String,
}

#[derive(Serialize)]
pub(crate) struct Invalidated {
    entries: u64,
}

/// Invalidates all that carries a tag.
pub(crate) async fn invalidate(
    State(app): State<Arc<App>>,
    Json(Invalidation { tag }): Json<Invalidation>,
) -> Result<Json<Invalidated>, Failure> {
    let entries = app.shop.cache.invalidate([tag]).await?.entries;
    Ok(Json(Invalidated { entries }))
}

/// The tags with the most entries. The client crate has no call for it, so this is plain redis-rs.
pub(crate) async fn largest(url: &str, most: usize) -> redis::RedisResult<Vec<TagSize>> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let (mut cursor, mut sizes) = (0_u64, Vec::new());
    loop {
        let mut command = redis::cmd("CACHE.TAGLIST");
        command.arg(cursor).arg("COUNT").arg(STEP);
        let listed: (u64, Vec<(String, u64)>) = command.query_async(&mut connection).await?;
        sizes.extend(listed.1.into_iter().map(own));
        cursor = listed.0;
        if cursor == 0 {
            break;
        }
    }
    sizes.sort_by(|a, b| b.entries.cmp(&a.entries).then_with(|| a.tag.cmp(&b.tag)));
    // As with `SCAN`, a tag may be named twice.
    sizes.dedup_by(|a, b| a.tag == b.tag);
    sizes.truncate(most);
    Ok(sizes)
}

fn own((tag, entries): (String, u64)) -> TagSize {
    let tag = tag.strip_prefix(NAMESPACE).unwrap_or(&tag).to_owned();
    TagSize { tag, entries }
}
