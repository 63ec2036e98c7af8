//! Stands in for the forms that are not compiled in.

use crate::error::Result;

#[cfg(not(feature = "msgpack"))]
pub(crate) fn decode<T>(_: &[u8]) -> Result<T> {
    Err(super::not_decoded(
        "it is MessagePack: enable the feature `msgpack`",
    ))
}

#[cfg(not(feature = "lz4"))]
pub(crate) fn decompressed(_: &[u8]) -> Result<Vec<u8>> {
    Err(super::not_decoded(
        "it is compressed: enable the feature `lz4`",
    ))
}
