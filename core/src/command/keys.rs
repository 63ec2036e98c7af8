//! Commands that are nothing but keys: `CACHE.MGET`, `CACHE.EXISTS`, `CACHE.TAGS`, `CACHE.INFO`.

use super::Encoded;

/// What a client writes for a command that takes keys only.
#[must_use]
pub fn encode<T: AsRef<[u8]>>(name: &str, keys: impl IntoIterator<Item = T>) -> Encoded {
    Encoded::new(name).args(keys)
}
