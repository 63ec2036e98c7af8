//! The client against real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod basics;
mod calm;
#[cfg(feature = "cluster")]
mod cluster;
mod consistency;
mod counts;
mod docs;
mod many;
mod mended;
#[cfg(feature = "near-cache")]
mod near;
mod patterns;
mod processes;
#[cfg(feature = "sentinel")]
mod sentinel;
mod stampede;
mod support;
#[cfg(all(feature = "tls", feature = "blocking"))]
mod tls;
mod write;
