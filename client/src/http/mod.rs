//! Response caching for web services: a [`tower`](https://docs.rs/tower) layer that is a shared cache
//! as RFC 9111 describes it, kept in Redis.
//!
//! ```no_run
//! # use larder_client::{Cache, http::CacheLayer};
//! # fn run() -> larder_client::Result<()> {
//! let cache = Cache::builder("redis://127.0.0.1").namespace("shop").build()?;
//! let layer = CacheLayer::new(&cache);
//! // axum: Router::new().route("/products", get(products)).layer(layer)
//! # Ok(())
//! # }
//! ```
//!
//! The application says how long a response may be kept: `Cache-Control: max-age=60,
//! stale-while-revalidate=600`. It says what it depends on: `Cache-Tag: brand-7`. Then
//! [`Cache::invalidate`](crate::Cache::invalidate) of `brand-7` makes all those responses
//! disappear at once. However many clients ask for a page that is not there, in however many processes,
//! the application is asked once.
//!
//! What could leak between users is passed through, unless it is marked as public: responses that are
//! `private` or set cookies, and those to requests with `Authorization`. A failing cache never fails a
//! request.
//!
//! | module | about |
//! | --- | --- |
//! | `rules` | what HTTP says, as pure functions |
//! | `stored`, `key` | the form in which responses are stored, and under which keys |
//! | `find` | from a request to a response that may be served, or to the right to fetch one |
//! | `exchange` | what becomes of a request, from beginning to end |
//! | `fetch` | asking the origin, and what follows from its answer |
//! | `answer` | responses out of the cache, and through it |
//! | `slot` | storing what the origin has answered |
//! | `purge`, `owed` | invalidation by request, now or when Redis is back |
//! | `layer` | settings and the service itself |

mod answer;
mod body;
mod exchange;
mod fetch;
mod find;
mod key;
mod layer;
mod owed;
mod purge;
mod rules;
mod slot;
mod status;
mod stored;

pub use body::{BoxError, CacheBody};
pub use layer::{CacheLayer, CacheService};

/// The examples of the document are compiled.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../../docs/http.md")]
struct Documented;
