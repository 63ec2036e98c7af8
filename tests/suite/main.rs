//! The black-box suite: every promise of the commands, checked against real servers.
//!
//! Each test starts servers of its own (see `larder_test_support::Server`), so all of them may run at once.
//! `LARDER_SERVER` names another server to test with, `LARDER_MODULE` another build of the module.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use larder_test_support as common;

mod access;
mod access_docs;
mod access_leaks;
mod access_servers;
mod big_tag;
mod border;
mod clients;
mod clock;
mod cluster;
mod cluster_failover;
mod cluster_memory;
mod cluster_moves;
mod cluster_races;
mod config;
mod corrupt;
mod docs;
mod docs_commands;
mod docs_json;
mod eviction;
mod failover;
mod faults;
mod fill;
mod freshness;
mod g1_atomic;
mod g2_fills;
mod g3_one_computation;
mod g4_wakeups;
mod held;
mod hostile;
mod invalidate;
mod keylife;
mod keylife_matrix;
mod leaks;
mod lease;
mod markstale;
mod operations_docs;
mod pause;
mod persistence;
mod persistence_rewrite;
mod replication;
mod replication_rows;
mod replication_sync;
mod replication_table;
mod scripts;
mod soak;
mod stats;
mod strings;
mod tags;
mod tracking;
mod transactions;
mod waiting;
