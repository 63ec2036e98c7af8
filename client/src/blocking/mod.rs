//! The cache for threads: the same names as the asynchronous one, and no runtime.
//!
//! ```no_run
//! use larder_client::blocking::Cache;
//! use std::time::Duration;
//!
//! # fn user_name(id: u64) -> std::io::Result<String> { Ok(format!("user {id}")) }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::builder("redis://127.0.0.1").namespace("shop").build_blocking()?;
//! let name = cache.get_or_compute("user:1", Duration::from_secs(60), || user_name(1))?;
//! # Ok(())
//! # }
//! ```
//!
//! Threads of its own it has only where something must go on without a caller: one renews leases
//! while anything is computed, and there is one for each probe of a dead server, each key waited for in
//! the server, each value recomputed behind a stale one, each sentinel while it is asked, and for deletions that are made up
//! for.
//!
//! A server that accepts a connection and then says nothing is given up after
//! [`connect_timeout`](crate::Builder::connect_timeout). How long the look-up of a host's name may take is
//! the system's decision.

// | file | what it does |
// | --- | --- |
// | `cache` | the handle, and what needs one command: get, set, delete ... |
// | `many`, `batch` | several keys in one round trip |
// | `compute` | `get_or_compute` and its relatives |
// | `read_through` | a cache with a loader |
// | `repository` | a source behind a cache |
// | `write` | the source is changed, and the cache never keeps the older value |
// | `turn` | who serves, who computes, who waits, who goes on without the cache |
// | `flights` | how callers of this process wait for one of them |
// | `lease`, `keeper` | the right to compute, given up and renewed |
// | `link` | deadlines and the circuit breaker |
// | `node`, `pool`, `connection` | one server, and a bounded number of connections to it |
// | `cluster`, `slots` | which server has a key, and what goes to all of them |
// | `sentinel` | which server is the primary |
// | `owed` | deletions that Redis has not heard of yet |
// | `tags` | invalidation, on every primary of a cluster |

mod batch;
mod cache;
#[cfg(feature = "cluster")]
mod cluster;
mod compute;
mod connection;
mod core;
mod flights;
mod keeper;
mod lease;
mod link;
mod many;
mod node;
mod owed;
mod pool;
mod read_through;
mod repository;
#[cfg(feature = "sentinel")]
pub(crate) mod sentinel;
#[cfg(feature = "cluster")]
mod slots;
mod tags;
mod threads;
mod turn;
mod write;

pub use cache::Cache;
pub use read_through::ReadThrough;
pub use repository::{RecordSource, Repository};
