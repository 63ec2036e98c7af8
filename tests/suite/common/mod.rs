//! What the tests share: servers that live as long as a test, connections, replies as text.

mod client;
mod random;
mod reply;
mod server;
mod state;
mod wait;

pub(crate) use client::Client;
pub(crate) use random::Random;
pub(crate) use reply::{Fields, show};
pub(crate) use server::{Server, Setup};
pub(crate) use state::{gauges, wait_for_memory, wait_for_nothing};
pub(crate) use wait::{Running, wait_until};

/// What a command answers for a key of another type.
pub(crate) const WRONG_TYPE: &str =
    "-WRONGTYPE Operation against a key holding the wrong kind of value";
