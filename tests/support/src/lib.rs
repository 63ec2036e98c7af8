//! What the tests share: servers that live as long as a value, connections, replies as text.
//!
//! ```no_run
//! use larder_test_support::Server;
//!
//! let server = Server::start();
//! let mut c = server.client();
//! c.check("CACHE.SET k v TAGS 1 t", "OK");
//! c.check("CACHE.INVALIDATE t", ":1");
//! c.check("CACHE.GET k", "nil");
//! ```
//!
//! `LARDER_SERVER` names another server binary, `LARDER_MODULE` another build of the module.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on has failed"
)]

mod agreement;
mod client;
mod cluster;
mod disk;
pub mod payload;
mod process;
mod random;
mod relay;
mod reply;
mod server;
mod skip;
mod state;
mod wait;

pub use agreement::{Holdings, check_agreement, settled_holdings};
pub use client::Client;
pub use cluster::{Cluster, Router, key_slot};
pub use disk::SmallDisk;
pub use process::SameProgram;
pub use random::Random;
pub use relay::Relay;
pub use reply::{Fields, show};
pub use server::{Server, Setup};
pub use skip::say_skipped;
pub use state::{gauges, wait_for_memory, wait_for_nothing};
pub use wait::{Running, wait_until};

/// What a command answers for a key of another type.
pub const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
