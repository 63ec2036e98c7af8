//! What the routes of the catalogue share.

use std::sync::Arc;
use std::time::Duration;

use larder_client::{Cache, Policy, RecordSource, Repository};

use crate::database::Database;
use crate::failure::Failure;
use crate::product::Product;
use crate::tables;

/// How long answers are fresh. Changes are seen at once all the same: they invalidate.
pub(crate) const FRESH: Duration = Duration::from_secs(60);

/// The cache, and what is behind it.
pub(crate) struct Shop {
    pub(crate) cache: Cache,
    pub(crate) database: Arc<Database>,
    /// Single products, of the database through the cache.
    pub(crate) products: Repository<Rows>,
}

/// The rows of the table of products.
pub(crate) struct Rows(Arc<Database>);

impl Shop {
    pub(crate) fn new(cache: Cache, database: Arc<Database>) -> Arc<Self> {
        let rows = Rows(Arc::clone(&database));
        let products = Repository::new(&cache, "product", single_product(), rows);
        Arc::new(Self {
            cache,
            database,
            products,
        })
    }
}

/// How a single product is kept, under `product:<id>`.
pub(crate) fn single_product() -> Policy {
    Policy::ttl(FRESH).tags(["products"])
}

impl RecordSource for Rows {
    type Key = i64;
    type Record = Product;
    type Error = Failure;

    async fn load(&self, id: &i64) -> Result<Option<Product>, Failure> {
        tables::product(&self.0, *id).await
    }

    async fn save(&self, _: &i64, product: &Product) -> Result<(), Failure> {
        tables::update(&self.0, product.clone()).await
    }

    async fn remove(&self, id: &i64) -> Result<(), Failure> {
        tables::delete(&self.0, *id).await
    }
}
