//! A product catalogue on axum and SQLite, with Larder between the two, and a page to watch it on.
//!
//! | module | about |
//! | --- | --- |
//! | `catalogue` | **the routes, each cached in another way: begin here** |
//! | `shop` | what they share: the cache, the repository |
//! | `product`, `tables`, `database`, `sample` | the source behind the cache |
//! | `figures` | statistics as JSON, for Prometheus, and for the page |
//! | `controls` | what the page's buttons do |
//! | `server` | a Redis of the shop's own |
//! | `app` | all of it together |

mod app;
mod catalogue;
mod controls;
mod database;
mod failure;
mod figures;
mod page;
mod product;
mod sample;
mod server;
mod shop;
mod tables;

pub use app::{App, Settings};
pub use database::Database;
pub use failure::Failure;
pub use product::{Draft, Edit, Product};
pub use server::RedisServer;
