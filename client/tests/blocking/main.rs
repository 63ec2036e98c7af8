//! The cache for threads against real servers.

#![cfg(feature = "blocking")]
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
mod counts;
mod many;
mod owed;
mod patterns;
mod pool;
mod processes;
#[cfg(feature = "sentinel")]
mod sentinel;
mod stampede;
mod support;
mod write;
