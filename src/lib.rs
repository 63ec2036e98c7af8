//! Larder: response caching inside Redis.
//!
//! A module for Redis and Valkey (`loadmodule liblarder.so`) whose `CACHE.*` commands tag entries,
//! invalidate them by tag in constant time, and let one caller compute a missing value while the
//! others wait for it or are served the old one.
//!
//! ```text
//! redis> CACHE.SET user:1:profile "{...}" EX 300 GRACE 60 TAGS 2 user:1 profiles
//! OK
//! redis> CACHE.INVALIDATE user:1
//! (integer) 1
//! redis> CACHE.GETORLOCK user:1:profile WAIT 2000
//! 1) "miss"
//! 2) (nil)
//! 3) (integer) 1764000000000001
//! ```
//!
//! # Map
//! This crate is the shell: it knows the server, and as little else as possible. What can be
//! decided without a server (what an entry is, what its tags say, who gets a lease, what the bytes
//! mean) is in `larder-core`.
//!
//! | where | what |
//! | --- | --- |
//! | [`commands`] | one file per command |
//! | [`state`] | the one state, and how it is borrowed |
//! | [`keyspace`], [`leases`], [`waiters`] | entries as values of keys; leases; callers who wait |
//! | [`events`], [`data_type`] | what the server does to keys; snapshots, copies, digests |
//! | [`tick`], [`reclaim`] | what is done later, in slices |
//! | [`replicate`], [`acl`], [`config`] | one server concern each |
//! | [`raw`] | the border to the server: the only unsafe code |
//!
//! # Invariants
//! - No panic crosses into the server; after one, everything cached counts as dead.
//! - The state is never borrowed across a call into the server that may call back.
//! - Every change of a key is replicated as an effect with absolute times; leases are not
//!   replicated, and only a primary removes dead entries.
//! - Nothing on the way to a reply is proportional to the number of entries under a tag.

#![deny(unsafe_code)]

mod acl;
mod commands;
mod config;
mod data_type;
mod events;
mod keyspace;
mod leases;
#[allow(unsafe_code)]
mod raw;
mod reclaim;
mod replicate;
mod state;
mod tick;
mod waiters;
