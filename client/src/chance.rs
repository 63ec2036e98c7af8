//! Random numbers where nothing depends on how random they are: jitter, a choice among equals.

use std::hash::{BuildHasher, Hasher, RandomState};

/// At least 0, less than 1.
#[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
pub(crate) fn fraction() -> f64 {
    (bits() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Less than `limit`, or 0.
#[cfg(feature = "cluster")]
pub(crate) fn below(limit: usize) -> usize {
    usize::try_from(bits() >> 32).unwrap_or(0) % limit.max(1)
}

/// The standard library seeds each `RandomState` differently.
fn bits() -> u64 {
    RandomState::new().build_hasher().finish()
}
