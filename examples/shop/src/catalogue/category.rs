//! By hand, with everything there is to decide: the key, the tags that only the value can tell, and
//! what to tell the client about where the answer came from.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use larder_client::{Computed, Policy, Source};
use serde::Deserialize;

use crate::failure::Failure;
use crate::product::Product;
use crate::shop::{FRESH, Shop};
use crate::tables::{self, Order};

#[derive(Deserialize)]
pub(super) struct View {
    #[serde(default)]
    order: Order,
    /// Straight from the database, to compare with.
    #[serde(default)]
    uncached: bool,
}

/// The products of a category.
pub(super) async fn read(
    State(shop): State<Arc<Shop>>,
    Path(category): Path<String>,
    Query(View { order, uncached }): Query<View>,
) -> Result<impl IntoResponse, Failure> {
    let query = || tables::in_category(&shop.database, category.clone(), order);
    if uncached {
        return Ok((status(None), Json(query().await?)));
    }
    let policy = Policy::ttl(FRESH).tags([format!("category:{category}")]);
    let compute = || async {
        let products = query().await?;
        let tags: Vec<String> = products.iter().flat_map(Product::tags).collect();
        Ok::<_, Failure>(Computed::new(products).tags(tags))
    };
    let key = key(&category, order);
    let fetched = shop.cache.fetch(&key, &policy, compute).await?;
    Ok((status(Some(fetched.source)), Json(fetched.value)))
}

pub(crate) fn key(category: &str, order: Order) -> String {
    let order = match order {
        Order::Name => "name",
        Order::Price => "price",
    };
    format!("category:{category}:{order}")
}

const HIT: &str = "larder; hit";
const SHARED: &str = "larder; fwd=uri-miss; collapsed";
const COMPUTED: &str = "larder; fwd=uri-miss; stored";
const BYPASSED: &str = "larder; fwd=bypass";
const UNCACHED: &str = "larder; fwd=request";

/// `Cache-Status` (RFC 9211), which the layer writes by itself.
fn status(source: Option<Source>) -> [(&'static str, &'static str); 1] {
    let status = match source {
        Some(Source::Hit | Source::Stale) => HIT,
        Some(Source::Shared) => SHARED,
        Some(Source::Computed) => COMPUTED,
        Some(_) => BYPASSED,
        None => UNCACHED,
    };
    [("cache-status", status)]
}

/// Whether an answer with this status took a query of its own.
pub(crate) fn is_own_query(status: &str) -> bool {
    [COMPUTED, BYPASSED, UNCACHED].contains(&status)
}

/// Whether it waited for somebody else's.
pub(crate) fn is_shared(status: &str) -> bool {
    status == SHARED
}
