//! The border to the server: the only part of Larder that contains unsafe code.
//!
//! Everything here is small, and wraps one thing each so that the rest can be safe Rust:
//!
//! | file | wraps | why it is sound |
//! | --- | --- | --- |
//! | `api` | calls through the server's function table | presence is checked when the module loads |
//! | `memory` | the allocator | the server's own, called as it asks to be |
//! | `main_thread` | the module's one global state | only ever touched by the thread that holds the server's lock |
//! | `guard` | panics | none crosses into C |
//! | `block` | entries in memory | a handle is a block's address; the index holds only attached ones |
//! | `ctx`, `argv`, `string`, `key`, `user` | handles the server lends for a call | lifetimes tie them to the call |
//! | `scan` | a walk over all keys | the visitor lives as long as the walk |
//! | `blocked`, `timer` | callbacks with data of ours | ownership of the data is handed over and taken back once |
//! | `data_type`, `events`, `info`, `config`, `command` | tables of callbacks | registered once, for ever |
//!
//! Two things make this simple: a module runs on one thread (the server's lock is held whenever
//! one of its functions is called, `free` excepted), and no reference to an entry or to the state
//! lives across a call into the server.

#[macro_use]
mod api;
pub(crate) mod argv;
pub(crate) mod block;
pub(crate) mod blocked;
pub(crate) mod command;
pub(crate) mod config;
pub(crate) mod ctx;
pub(crate) mod data_type;
pub(crate) mod events;
pub(crate) mod guard;
pub(crate) mod info;
pub(crate) mod io;
pub(crate) mod key;
pub(crate) mod main_thread;
pub(crate) mod memory;
pub(crate) mod module;
pub(crate) mod scan;
pub(crate) mod string;
pub(crate) mod timer;
pub(crate) mod user;

pub(crate) use api::missing_function;
