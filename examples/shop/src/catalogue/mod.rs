//! The catalogue. Each file shows another way to put the cache before a query; all of them see a
//! change at once, because what they keep carries the tags of the products it shows.
//!
//! | route | file | pattern |
//! | --- | --- | --- |
//! | `GET /products?page=1` | `list` | `CacheLayer`: whole responses |
//! | `GET /products/{id}` | `product` | `Repository`: read-through |
//! | `PUT`, `DELETE /products/{id}`, `POST /products` | `change` | write-through, then tags |
//! | `GET /brands/{brand}` | `brand` | `#[cached]` |
//! | `GET /categories/{category}` | `category` | `fetch`: by hand, with tags of the value |
//! | `GET /basket?ids=1,2,3` | `basket` | `get_or_compute_many` |
//! | `GET /facets` | `facets` | `get_or_compute` |

mod basket;
mod brand;
pub(crate) mod category;
mod change;
mod facets;
mod list;
mod product;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use larder_client::http::CacheLayer;

use crate::shop::Shop;

pub(crate) fn router(shop: Arc<Shop>) -> Router {
    let list = get(list::read)
        .post(change::create)
        .layer(CacheLayer::new(&shop.cache));
    let product = get(product::read)
        .put(change::update)
        .delete(change::remove);
    Router::new()
        .route("/products", list)
        .route("/products/{id}", product)
        .route("/brands/{brand}", get(brand::read))
        .route("/categories/{category}", get(category::read))
        .route("/basket", get(basket::read))
        .route("/facets", get(facets::read))
        .with_state(shop)
}
