//! The shop as its clients see it: every test opens one of its own, with a Redis of its own.

#![allow(clippy::unwrap_used, reason = "tests")]

mod calm;
mod changes;
mod figures;
mod stampede;
mod support;
