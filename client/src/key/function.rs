//! Keys made of a function and its arguments.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::canonical;
use crate::error::{Error, Result};

/// Longer keys take more memory than they are worth, and are no longer read by anybody.
pub(super) const LONGEST: usize = 200;

/// Bytes of a SHA-256 in hexadecimal.
pub(super) const DIGEST: usize = 64;

/// The key under which the result of a function is stored: `f:<path>:v<version>:<arguments>`.
///
/// The arguments are written canonically, as described at [`canonical`]: JSON, for the most part. If
/// the key would be longer than 200 bytes, they are replaced by their SHA-256. Nothing weaker will
/// do: arguments often come from strangers, and whoever finds two with the same digest reads what
/// is another user's.
///
/// The key depends on nothing but its input: not on the process, the build, or which features of
/// other crates are enabled. Equal arguments make equal keys and different ones of the same types
/// different keys, as far as their `Serialize` tells them apart. A `HashSet` does not serialize in
/// the same order each time, so it makes a new key each time; use a `BTreeSet`.
///
/// # Errors
///
/// [`Error::Key`] if the arguments refuse to be serialized.
pub(crate) fn key_of(
    path: &str,
    version: u32,
    arguments: &(impl Serialize + ?Sized),
) -> Result<String> {
    let mut key = format!("f:{path}:v{version}:");
    let prefix = key.len();
    canonical::write(&mut key, arguments).map_err(|error| Error::Key(error.to_string()))?;
    if key.len() > LONGEST && key.len() - prefix > DIGEST {
        let digest = Sha256::digest(key.split_off(prefix));
        super::push_hexadecimal(&mut key, &digest);
    }
    Ok(key)
}
