//! The HTTP layer before counting origins, with real servers behind it. Sections without a name are
//! those of RFC 9111.

#![cfg(feature = "http")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod bodies;
mod calm;
mod counts;
mod directives;
mod freshness;
mod invalidation;
mod poisoning;
#[cfg(feature = "axum")]
mod routers;
mod sharing;
mod stale;
mod storing;
mod support;
mod validation;
mod vary;
