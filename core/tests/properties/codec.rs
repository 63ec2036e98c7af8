//! What holds for any bytes that claim to be an entry's metadata.

#[path = "allocations.rs"]
mod allocations;

use larder_core::codec::{MAX_TAGS, Meta, TIME_LIMIT_MS, Tags, decode, encode};
use std::collections::HashSet;

/// A tag of no bytes takes one byte of the payload and 16 bytes of memory while it is compared with
/// the others, in a vector that doubles.
const BYTES_PER_BYTE: usize = 64;

/// The bytes either fail to decode or are exactly what their meaning encodes to, within all limits;
/// and memory is only taken for what is there.
pub(crate) fn check(bytes: &[u8]) {
    let (decoded, taken, _) = allocations::measure(|| decode(bytes));
    assert!(
        taken <= BYTES_PER_BYTE * bytes.len(),
        "{taken} bytes of memory for {} of payload",
        bytes.len()
    );
    if let Ok(meta) = decoded {
        let mut again = Vec::with_capacity(bytes.len());
        encode(&meta, &mut again);
        assert_eq!(again, bytes);
        assert_within_limits(&meta);
    }
}

fn assert_within_limits(meta: &Meta<Tags<'_>>) {
    let optional = [meta.mark_ms, meta.value_end_ms, meta.hold_ms];
    let times = [meta.stored_ms, meta.tagged_ms].into_iter();
    for ms in times.chain(optional.into_iter().flatten()) {
        assert!(ms.unsigned_abs() < TIME_LIMIT_MS.unsigned_abs(), "{ms}");
    }
    assert!(meta.grace_ms < TIME_LIMIT_MS.unsigned_abs());
    assert!(meta.tags.len() <= MAX_TAGS);
    assert_eq!(
        meta.tags.collect::<HashSet<_>>().len(),
        meta.tags.len(),
        "a tag is there twice"
    );
}
