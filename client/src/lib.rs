#![cfg_attr(feature = "tokio", doc = include_str!("guide/start.md"))]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "Response caching with Larder, for threads."
)]

#[cfg(feature = "tokio")]
mod aio;
#[cfg(feature = "blocking")]
pub mod blocking;
mod breaker;
mod builder;
mod chance;
mod codec;
mod computed;
mod debts;
mod error;
mod failure;
mod flights;
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod function;
#[cfg(feature = "tokio")]
pub mod guide;
mod health;
#[cfg(feature = "http")]
pub mod http;
mod invalidated;
mod kept;
mod key;
#[cfg(feature = "near-cache")]
mod near;
mod policy;
mod protocol;
#[cfg(feature = "cluster")]
mod server_stats;
mod servers;
mod settings;
pub mod stats;
#[cfg(feature = "cluster")]
mod topology;
mod turn;

#[cfg(feature = "tokio")]
pub use aio::{Cache, ReadThrough, RecordSource, Repository};
pub use builder::Builder;
pub use codec::{Codec, Decode, Encode, Raw};
pub use computed::{Computed, Fetched, Source};
pub use error::{Error, Result};
#[cfg(all(feature = "macros", feature = "tokio"))]
pub use function::aio::{install, installed};
#[cfg(all(feature = "macros", feature = "blocking"))]
pub use function::blocking::{install as install_blocking, installed as installed_blocking};
pub use invalidated::Invalidated;
#[cfg(feature = "macros")]
#[doc = include_str!("guide/functions.md")]
pub use larder_client_macros::cached;
pub use policy::{IntoPolicy, Policy};
