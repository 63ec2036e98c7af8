//! `#[cached]` against real servers, and without any.
#![cfg(all(feature = "macros", feature = "tokio"))]
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

#[cfg(feature = "blocking")]
mod blocking;
mod companions;
mod hygiene;
mod keys;
mod methods;
mod policies;
mod returned;
mod support;
mod without_cache;
