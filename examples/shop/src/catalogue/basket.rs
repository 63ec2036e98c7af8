//! Many keys: one round trip for those that are there, one query for the rest. They are the keys of
//! the repository, so a product that one has put there is there for the other.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::failure::Failure;
use crate::product::Product;
use crate::shop::{Shop, single_product};
use crate::tables;

/// How many products a basket holds.
const MOST: usize = 50;

#[derive(Deserialize)]
pub(super) struct Basket {
    ids: String,
}

/// Those products that there are, in the order in which they were asked for.
pub(super) async fn read(
    State(shop): State<Arc<Shop>>,
    Query(basket): Query<Basket>,
) -> Result<Json<Vec<Product>>, Failure> {
    let keys = keys(&basket.ids)?;
    let missing = |keys: Vec<String>| rows(&shop, keys);
    let mut found = shop
        .cache
        .get_or_compute_many(&keys, &single_product(), missing)
        .await?;
    Ok(Json(
        keys.iter().filter_map(|key| found.remove(key)).collect(),
    ))
}

async fn rows(shop: &Shop, keys: Vec<String>) -> Result<HashMap<String, Product>, Failure> {
    let ids = keys.iter().filter_map(|key| key.strip_prefix("product:"));
    let ids = ids.filter_map(|id| id.parse().ok()).collect();
    let products = tables::products(&shop.database, ids).await?;
    let keyed = products
        .into_iter()
        .map(|product| (format!("product:{}", product.id), product));
    Ok(keyed.collect())
}

/// `product:1`, `product:2` ... for `1,2`.
fn keys(ids: &str) -> Result<Vec<String>, Failure> {
    let key = |id: &str| Some(format!("product:{}", id.trim().parse::<i64>().ok()?));
    let keys: Option<Vec<String>> = ids.split(',').map(key).collect();
    keys.filter(|keys| keys.len() <= MOST)
        .ok_or_else(|| Failure::Invalid(format!("ids: up to {MOST} numbers, separated by commas")))
}
