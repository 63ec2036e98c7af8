//! The blocking half.

use std::borrow::Borrow;
use std::sync::OnceLock;

pub use crate::blocking::Cache;
use crate::codec::{Decode, Encode};
use crate::computed::Computed;
use crate::error::Result;
use crate::invalidated::Invalidated;
use crate::policy::Policy;

static INSTALLED: OnceLock<Cache> = OnceLock::new();

/// Makes `cache` the one that functions with [`#[cached]`](macro@crate::cached) that are not `async` use,
/// in the whole process and for its life.
///
/// # Errors
///
/// Gives `cache` back if there is one already.
pub fn install(cache: Cache) -> Result<(), Cache> {
    INSTALLED.set(cache)
}

/// The cache that was given to [`install`].
pub fn installed() -> Option<&'static Cache> {
    INSTALLED.get()
}

pub fn fetch<T, E, F>(
    cache: Option<impl Borrow<Cache>>,
    key: Result<String>,
    policy: Policy,
    compute: F,
) -> Result<T, E>
where
    T: Encode + Decode,
    F: FnOnce() -> Result<Computed<T>, E>,
{
    match super::usable(cache, key) {
        Some((cache, key)) => Ok(cache.borrow().fetch(&key, policy, compute)?.value),
        None => Ok(compute()?.value),
    }
}

/// As [`Cache::refresh`], for a computation that has more to say than the value.
pub fn refresh<T, E, F>(
    cache: Option<impl Borrow<Cache>>,
    key: Result<String>,
    policy: Policy,
    compute: F,
) -> Result<T, E>
where
    T: Encode + Decode,
    F: FnOnce() -> Result<Computed<T>, E>,
{
    match super::usable(cache, key) {
        Some((cache, key)) => Ok(cache.borrow().refetch(&key, policy, compute)?.value),
        None => Ok(compute()?.value),
    }
}

pub fn delete(cache: Option<impl Borrow<Cache>>, key: Result<String>) -> Result<bool> {
    cache.ok_or_else(super::no_cache)?.borrow().delete(&key?)
}

pub fn clear(cache: Option<impl Borrow<Cache>>, tag: &str) -> Result<Invalidated> {
    cache
        .ok_or_else(super::no_cache)?
        .borrow()
        .invalidate([tag])
}
