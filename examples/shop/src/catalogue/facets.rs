//! By hand, the short way: a key, a policy, a query.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use larder_client::Policy;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::shop::{FRESH, Shop};
use crate::tables::{self, Count};

/// What there is to choose from.
#[derive(Deserialize, Serialize)]
pub(super) struct Facets {
    brands: Vec<Count>,
    categories: Vec<Count>,
}

/// The brands and categories, and how many products each has.
pub(super) async fn read(State(shop): State<Arc<Shop>>) -> Result<Json<Facets>, Failure> {
    let policy = Policy::ttl(FRESH).tags(["catalogue"]);
    let facets = shop
        .cache
        .get_or_compute("facets", &policy, || async {
            Ok::<_, Failure>(Facets {
                brands: tables::brands(&shop.database).await?,
                categories: tables::categories(&shop.database).await?,
            })
        })
        .await?;
    Ok(Json(facets))
}
