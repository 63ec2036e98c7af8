//! Changes: the database first, then the product itself in the cache, then whatever shows it, by tag.
//!
//! | change | invalidates what carries |
//! | --- | --- |
//! | of a product | `product:<id>`: every list, category and brand page that shows it |
//! | a new product, or one less | besides, its `brand:`, its `category:`, and `catalogue` |

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use larder_client::Cache;

use crate::failure::Failure;
use crate::product::{Draft, Edit, Product};
use crate::shop::Shop;
use crate::tables;

/// How long after an invalidation that failed the next one is tried.
const AGAIN: Duration = Duration::from_millis(500);

/// Changes a product, if the client has seen its newest revision.
pub(super) async fn update(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<i64>,
    Json(edit): Json<Edit>,
) -> Result<Json<Product>, Failure> {
    finished(async move {
        let before = shop.products.load(&id).await?.ok_or(Failure::NotFound)?;
        let [product, ..] = before.tags();
        let after = before.edited(edit)?;
        shop.products.save(&id, &after).await?;
        invalidate(&shop.cache, vec![product]).await;
        Ok(Json(after))
    })
    .await
}

/// Adds a product.
pub(super) async fn create(
    State(shop): State<Arc<Shop>>,
    Json(draft): Json<Draft>,
) -> Result<(StatusCode, Json<Product>), Failure> {
    let product = tables::insert(&shop.database, draft.checked()?).await?;
    invalidate(&shop.cache, with_catalogue(&product)).await;
    Ok((StatusCode::CREATED, Json(product)))
}

/// Removes a product.
pub(super) async fn remove(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Failure> {
    finished(async move {
        let product = shop.products.load(&id).await?.ok_or(Failure::NotFound)?;
        shop.products.remove(&id).await?;
        invalidate(&shop.cache, with_catalogue(&product)).await;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// What a change comes to, which goes on if its client goes away: the database would have changed, and the
/// cache not know. (Where the layer is, it sees to that.)
async fn finished<T: Send + 'static>(
    change: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let ended = tokio::spawn(change).await;
    ended.unwrap_or_else(|ended| Err(Failure::Machine(ended.to_string())))
}

fn with_catalogue(product: &Product) -> Vec<String> {
    let mut tags = product.tags().to_vec();
    tags.push("catalogue".to_owned());
    tags
}

/// Invalidates now, or as soon as Redis is back: the change has happened, so it is not undone because
/// the cache can't be told.
async fn invalidate(cache: &Cache, tags: Vec<String>) {
    if cache.invalidate(&tags).await.is_ok() {
        return;
    }
    let cache = cache.clone();
    tokio::spawn(async move {
        while cache.invalidate(&tags).await.is_err() {
            tokio::time::sleep(AGAIN).await;
        }
    });
}
