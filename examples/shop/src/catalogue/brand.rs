//! By attribute: the function is what it would be without a cache.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use larder_client::cached;

use crate::failure::Failure;
use crate::product::Product;
use crate::shop::{FRESH, Shop};
use crate::tables;

/// The products of a brand.
pub(super) async fn read(
    State(shop): State<Arc<Shop>>,
    Path(brand): Path<String>,
) -> Result<Json<Vec<Product>>, Failure> {
    Ok(Json(products(&shop, &brand).await?))
}

#[cached(
    cache = &shop.cache,
    ttl = FRESH,
    tags = [format!("brand:{brand}")],
    tags_of = |products| products.iter().flat_map(Product::tags),
    skip(shop)
)]
async fn products(shop: &Shop, brand: &str) -> Result<Vec<Product>, Failure> {
    tables::of_brand(&shop.database, brand.to_owned()).await
}
