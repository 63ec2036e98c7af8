//! The patterns of caching, a page each. Every example is run by the tests, against a real server.

#[doc = include_str!("basics.md")]
pub mod basics {}

#[doc = include_str!("cache_aside.md")]
pub mod cache_aside {}

#[doc = include_str!("read_through.md")]
pub mod read_through {}

#[doc = include_str!("write_through.md")]
pub mod write_through {}

#[doc = include_str!("stale.md")]
pub mod stale {}

#[doc = include_str!("many.md")]
pub mod many {}

#[doc = include_str!("tags.md")]
pub mod tags {}

#[cfg(feature = "near-cache")]
#[doc = include_str!("near-cache.md")]
pub mod near_cache {}

#[doc = include_str!("calm.md")]
pub mod calm {}

#[doc = include_str!("metrics.md")]
pub mod metrics {}

#[cfg(feature = "macros")]
#[doc = include_str!("functions.md")]
pub mod functions {}
