//! What the page's buttons do.

pub(crate) mod redis_switch;
pub(crate) mod settings;
pub(crate) mod stampede;
pub(crate) mod tags;
pub(crate) mod visitors;
