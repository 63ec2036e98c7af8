//! Invalidations that Redis was not there for. The origin has changed, so what is stored must go as
//! soon as Redis is back.

use super::key;
use super::layer::Shared;
use crate::Cache;
use crate::debts::Settling;

/// Invalidates `tags` when Redis is back, in a task of its own.
pub(crate) fn invalidate_later(shared: &Shared, tags: Vec<String>) {
    tags.into_iter().for_each(|tag| shared.owed.owe(tag));
    if let Some(settling) = shared.owed.settle() {
        tokio::spawn(invalidate_until_over(shared.cache.clone(), settling));
    }
}

/// Whether what is stored for a resource is to be invalidated.
pub(crate) fn is_owed(shared: &Shared, resource: &str) -> bool {
    shared.owed.any() && shared.owed.includes(&key::resource_tag(resource))
}

async fn invalidate_until_over(cache: Cache, mut settling: Settling) {
    while !settling.is_over() {
        tokio::time::sleep(cache.core.settings.probe_every).await;
        let page = settling.page(None);
        if cache
            .invalidate(page.iter().map(|(tag, _)| tag))
            .await
            .is_ok()
        {
            settling.strike_out(page.iter());
        }
    }
}
