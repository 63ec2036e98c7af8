//! Read-through: the repository looks into the cache, and asks the table if there is nothing.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use crate::failure::Failure;
use crate::product::Product;
use crate::shop::Shop;

/// One product.
pub(super) async fn read(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<i64>,
) -> Result<Json<Product>, Failure> {
    let product = shop.products.load(&id).await?;
    product.map(Json).ok_or(Failure::NotFound)
}
