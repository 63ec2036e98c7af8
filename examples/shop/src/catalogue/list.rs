//! By layer: the handler knows nothing of the cache but two headers. They say how long the response
//! may be kept, and what it depends on.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::failure::Failure;
use crate::product::Product;
use crate::shop::Shop;
use crate::tables;

#[derive(Deserialize)]
pub(super) struct Position {
    #[serde(default = "first")]
    page: i64,
}

fn first() -> i64 {
    1
}

/// A page of all products.
pub(super) async fn read(
    State(shop): State<Arc<Shop>>,
    Query(Position { page }): Query<Position>,
) -> Result<impl IntoResponse, Failure> {
    let products = tables::page(&shop.database, page.clamp(1, 100_000)).await?;
    let headers = [
        // For shared caches only: a browser would not hear of a change.
        ("cache-control", "max-age=0, s-maxage=60".to_owned()),
        ("cache-tag", tags(&products)),
    ];
    Ok((headers, Json(products)))
}

fn tags(products: &[Product]) -> String {
    let mut tags: Vec<String> = products.iter().flat_map(Product::tags).collect();
    tags.push("catalogue".to_owned());
    tags.sort();
    tags.dedup();
    tags.join(" ")
}
