//! The stored form of values.
//!
//! | first byte | what follows |
//! | --- | --- |
//! | `0x01` | MessagePack |
//! | `0x02` | JSON, compressed |
//! | `0x03` | MessagePack, compressed |
//! | `0x04` to `0x08` | reserved |
//! | any other | it is the first of a JSON text |
//!
//! No JSON text begins with one of the reserved bytes, so plain JSON needs no header: `redis-cli`
//! and programs in other languages read and write it as it is. Compressed means: the length before
//! compression in 32 bits, little endian, and an LZ4 block.
//!
//! How a value is decoded follows from its first byte and not from the cache's settings, so these
//! can change while older values are still there.

#[cfg(not(all(feature = "lz4", feature = "msgpack")))]
mod absent;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "msgpack")]
mod msgpack;

#[cfg(not(feature = "lz4"))]
use absent as lz4;
#[cfg(not(feature = "msgpack"))]
use absent as msgpack;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

const MESSAGE_PACK: u8 = 0x01;
const LZ4_JSON: u8 = 0x02;
const LZ4_MESSAGE_PACK: u8 = 0x03;
const LAST_RESERVED: u8 = 0x08;

/// The format in which values are written. They are read in whichever they were written.
///
/// `Some(None)` comes back as `None` in either. JSON has no NaN and no infinity: they are stored as
/// `null`, which counts as `None` when it is written and is no float when it is read. MessagePack
/// keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// JSON, as `redis-cli` and programs in other languages can read and write it.
    #[default]
    Json,
    /// MessagePack: smaller. Structs are written with the names of their fields, so a field can be
    /// added while older values are still there.
    #[cfg(feature = "msgpack")]
    MessagePack,
}

/// How a cache writes its values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encoding {
    pub(crate) codec: Codec,
    /// Values that take more bytes than this are compressed, if that makes them smaller.
    #[cfg(feature = "lz4")]
    pub(crate) compress_above: Option<usize>,
}

/// A value in its stored form.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    pub bytes: Bytes,
    /// Whether it is the codec's null. That is what `None` becomes, but also `()` and, in JSON, NaN.
    pub is_none: bool,
}

/// What can be stored: every type that is [`Serialize`], and [`Raw`]. Not to be implemented for
/// others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a cache",
    label = "does not implement `serde::Serialize`",
    note = "derive it: `#[derive(serde::Serialize, serde::Deserialize)]`",
    note = "or wrap bytes that are to be stored as they are in `larder_client::Raw`"
)]
pub trait Encode {
    #[doc(hidden)]
    fn encode(&self, encoding: Encoding) -> Result<Encoded>;
}

/// What can be read from a cache: every type that is [`DeserializeOwned`], and [`Raw`]. Not to be
/// implemented for others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a cache",
    label = "does not implement `serde::Deserialize`, or borrows from what it is read from",
    note = "derive it: `#[derive(serde::Serialize, serde::Deserialize)]`",
    note = "a value must own its parts: `String` rather than `&str`",
    note = "`larder_client::Raw` takes whatever bytes are stored"
)]
pub trait Decode: Sized {
    #[doc(hidden)]
    fn decode(stored: Bytes) -> Result<Self>;
}

/// Bytes that are stored as they are, whatever the codec: not encoded, not compressed.
///
/// ```
/// use larder_client::Raw;
///
/// let page = Raw::from("<html></html>");
/// assert_eq!(page.0.len(), 13);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Raw(pub Bytes);

impl<T: Into<Bytes>> From<T> for Raw {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl Encode for Raw {
    fn encode(&self, _: Encoding) -> Result<Encoded> {
        Ok(Encoded {
            bytes: self.0.clone(),
            is_none: false,
        })
    }
}

impl Decode for Raw {
    fn decode(stored: Bytes) -> Result<Self> {
        Ok(Self(stored))
    }
}

impl<T: Serialize + ?Sized> Encode for T {
    fn encode(&self, encoding: Encoding) -> Result<Encoded> {
        let (bytes, is_none) = match encoding.codec {
            Codec::Json => {
                let text = serde_json::to_vec(self).map_err(not_encoded)?;
                let is_none = text == b"null";
                (text, is_none)
            }
            #[cfg(feature = "msgpack")]
            Codec::MessagePack => msgpack::encode(self)?,
        };
        #[cfg(feature = "lz4")]
        let bytes = match encoding.compress_above {
            Some(limit) if bytes.len() > limit => lz4::compressed(encoding.codec, bytes),
            _ => bytes,
        };
        Ok(Encoded {
            bytes: bytes.into(),
            is_none,
        })
    }
}

impl<T: DeserializeOwned> Decode for T {
    fn decode(stored: Bytes) -> Result<Self> {
        match stored.as_ref() {
            [MESSAGE_PACK, rest @ ..] => msgpack::decode(rest),
            [LZ4_JSON, rest @ ..] => from_json(&lz4::decompressed(rest)?),
            [LZ4_MESSAGE_PACK, rest @ ..] => msgpack::decode(&lz4::decompressed(rest)?),
            [MESSAGE_PACK..=LAST_RESERVED, ..] => Err(not_decoded(
                "written by a later version, in a form that is not known here",
            )),
            text => from_json(text),
        }
    }
}

fn from_json<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(not_decoded)
}

fn not_encoded(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Encode(error.into())
}

fn not_decoded(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Decode(error.into())
}

#[cfg(test)]
mod tests;
