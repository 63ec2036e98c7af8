//! The asynchronous cache.
//!
//! | file | what it does |
//! | --- | --- |
//! | `cache` | the handle, and what needs one command: get, set, delete ... |
//! | `many`, `batch` | several keys in one round trip |
//! | `compute` | `get_or_compute` and its relatives |
//! | `read_through` | a cache with a loader |
//! | `repository` | a source behind a cache |
//! | `write` | the source is changed, and the cache never keeps the older value |
//! | `turn` | who serves, who computes, who waits, who goes on without the cache |
//! | `flights` | how callers of this process wait for one of them |
//! | `asked`, `task` | what goes on even if nobody waits for it any more |
//! | `lease` | the right to compute, renewed and given up |
//! | `waiting` | connections for those who wait in the server |
//! | `sentinel` | where the primary is, if sentinels watch it |
//! | `link` | connections that heal, deadlines, the circuit breaker |
//! | `owed` | deletions that Redis has not heard of yet |
//! | `tags` | invalidation, on every primary of a cluster |

mod asked;
mod batch;
mod cache;
#[cfg(feature = "cluster")]
mod cluster;
pub(crate) mod compute;
mod connection;
pub(crate) mod core;
mod flights;
pub(crate) mod lease;
mod link;
mod many;
pub(crate) mod owed;
mod read_through;
mod repository;
#[cfg(feature = "sentinel")]
pub(crate) mod sentinel;
mod tags;
pub(crate) mod task;
pub(crate) mod turn;
mod waiting;
mod write;

pub use cache::Cache;
pub use read_through::ReadThrough;
pub use repository::{RecordSource, Repository};
