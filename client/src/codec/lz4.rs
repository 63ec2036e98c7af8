//! Compression of values. LZ4, because a hit must stay cheap: decompressing takes a small part of
//! the time that the saved bytes would take on their way from Redis.

use super::{Codec, LZ4_JSON, not_decoded};
use crate::error::Result;

const LENGTH_BYTES: usize = 4;

/// The longest string that Redis holds unless told otherwise.
const LONGEST: usize = 512 << 20;

/// The most that a byte of a block can stand for: each one that extends a match adds 255.
const DENSEST: usize = 255;

/// Compresses a stored form, unless it would become longer.
pub(crate) fn compressed(codec: Codec, plain: Vec<u8>) -> Vec<u8> {
    let (form, data) = match codec {
        Codec::Json => (LZ4_JSON, plain.as_slice()),
        // Without the byte that says what it is: the new first byte says it.
        #[cfg(feature = "msgpack")]
        Codec::MessagePack => (super::LZ4_MESSAGE_PACK, plain.get(1..).unwrap_or_default()),
    };
    let Some(length) = claimable(data.len()) else {
        return plain;
    };
    let block = lz4_flex::block::compress(data);
    if 1 + LENGTH_BYTES + block.len() >= plain.len() {
        return plain;
    }
    [&[form], length.to_le_bytes().as_slice(), &block].concat()
}

fn claimable(length: usize) -> Option<u32> {
    u32::try_from(length).ok().filter(|_| length <= LONGEST)
}

/// What follows the first byte of a compressed form, decompressed. Allocates no more than the bytes
/// that are there can stand for, whatever length they claim.
pub(crate) fn decompressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let Some((length, block)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(not_decoded("the compressed value is cut short"));
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length > LONGEST.min(block.len().saturating_mul(DENSEST)) {
        return Err(not_decoded(
            "the compressed value claims an impossible length",
        ));
    }
    let data = lz4_flex::block::decompress(block, length).map_err(not_decoded)?;
    if data.len() != length {
        return Err(not_decoded(
            "the compressed value is shorter than it claims",
        ));
    }
    Ok(data)
}
