//! What can be seen of the cache.

pub(crate) mod live;
pub(crate) mod metrics;
pub(crate) mod recent;
pub(crate) mod stats;
