//! The commands of Larder as redis-rs sends them, and what they answer. No connection in sight:
//! the asynchronous and the blocking cache share all of it.

pub(crate) mod command;
pub(crate) mod reply;
