//! Web servers that have a page in Redis, and clients that read it.

mod site;
mod visitor;

pub(crate) use site::{ONE_GET, Site, open_all};
pub(crate) use visitor::visit;
