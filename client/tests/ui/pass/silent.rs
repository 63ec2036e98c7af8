//! Nothing the attribute adds makes the compiler complain, however strict the crate is.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications
)]
#![deny(single_use_lifetimes, unused_lifetimes, non_camel_case_types)]

use std::time::Duration;

use larder_client::{Cache, cached};

/// A user.
#[cached(cache = cache, skip(cache), ttl = Duration::from_secs(ttl), tags_of = |name| [name])]
pub async fn user(cache: &Cache, ttl: u64, id: u64) -> Result<Option<String>, std::io::Error> {
    Ok(Some(id.to_string()))
}

/// Orders.
#[derive(Debug)]
pub struct Orders;

impl Orders {
    /// All of them.
    #[cached(in_impl, name = "Orders::all")]
    pub async fn all() -> u64 {
        1
    }
}

#[cached]
async fn private(r#type: &str) -> String {
    r#type.to_owned()
}

fn main() {
    drop(private(""));
}
