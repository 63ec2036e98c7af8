//! What `#[cached]` expands to calls of: not to be called otherwise.

#[cfg(feature = "tokio")]
pub mod aio;
#[cfg(feature = "blocking")]
pub mod blocking;

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Once;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::key::key_of;

/// The type of what a function returns, to choose among the methods called `split`, `join` and
/// `present`: those of the type itself, where there are any, hide those of [`Plain`]. Aliases of
/// `Result` and `Option` are seen through in this way.
#[derive(Debug)]
pub struct Kind<R>(PhantomData<fn() -> R>);

impl<R> Clone for Kind<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Kind<R> {}

impl<R> Kind<R> {
    #[expect(
        clippy::new_without_default,
        reason = "it is only made by the attribute"
    )]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    pub fn of(_: &R) -> Self {
        Self(PhantomData)
    }
}

impl<T, E> Kind<Result<T, E>> {
    pub fn split(self, returned: Result<T, E>) -> Result<T, E> {
        returned
    }

    pub fn join(self, outcome: Result<T, E>) -> Result<T, E> {
        outcome
    }
}

impl<T> Kind<Option<T>> {
    pub fn present(self, value: &Option<T>) -> Option<&T> {
        value.as_ref()
    }
}

/// Returned types that are not a `Result`, and values that are not an `Option`.
pub trait Plain: Sized {
    type Returned;

    fn split(self, returned: Self::Returned) -> Result<Self::Returned, Infallible> {
        Ok(returned)
    }

    fn join(self, outcome: Result<Self::Returned, Infallible>) -> Self::Returned {
        match outcome {
            Ok(returned) => returned,
            Err(never) => match never {},
        }
    }

    fn present(self, value: &Self::Returned) -> Option<&Self::Returned> {
        Some(value)
    }
}

impl<R> Plain for Kind<R> {
    type Returned = R;
}

/// What can be a part of a key: whatever is [`Serialize`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a key",
    label = "does not implement `serde::Serialize`",
    note = "leave it out with `skip(..)`, or say what the key is made of: `key = ..`"
)]
pub trait Part: Serialize {}

impl<T: Serialize + ?Sized> Part for T {}

pub fn part<T: Part + ?Sized>(argument: &T) -> &T {
    argument
}

/// The key of a function's value. Arguments that no key can be made of are not worth an error to
/// somebody who wants the value, so it is up to the caller what becomes of them.
pub fn key(path: &str, version: u32, arguments: &(impl Serialize + ?Sized)) -> Result<String> {
    key_of(path, version, arguments)
}

/// The tags that a value asks for.
pub fn tags_of<'v, T, I>(value: Option<&'v T>, tags: impl FnOnce(&'v T) -> I) -> Vec<String>
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    value.map_or_else(Vec::new, |value| {
        tags(value).into_iter().map(Into::into).collect()
    })
}

/// The cache and the key, if both are there. If not, the function goes on without.
fn usable<C>(cache: Option<C>, key: Result<String>) -> Option<(C, String)> {
    let Some(cache) = cache else {
        warn_once();
        return None;
    };
    match key {
        Ok(key) => Some((cache, key)),
        Err(error) => {
            tracing::warn!(%error, "a cached function is called without the cache");
            None
        }
    }
}

fn warn_once() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!("no cache is installed, so cached functions compute at each call");
    });
}

fn no_cache() -> Error {
    Error::Config("no cache is installed".to_owned())
}
