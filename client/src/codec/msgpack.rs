//! Values as MessagePack.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MESSAGE_PACK, not_decoded, not_encoded};
use crate::error::Result;

const NIL: u8 = 0xc0;

/// As deep as JSON may be nested: what is deeper is after the stack.
const DEEPEST: usize = 128;

/// The stored form, and whether it is nil.
pub(crate) fn encode(value: &(impl Serialize + ?Sized)) -> Result<(Vec<u8>, bool)> {
    let mut bytes = vec![MESSAGE_PACK];
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    value.serialize(&mut serializer).map_err(not_encoded)?;
    let is_none = bytes == [MESSAGE_PACK, NIL];
    Ok((bytes, is_none))
}

/// What follows the first byte of the stored form.
pub(crate) fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T> {
    let mut deserializer = rmp_serde::Deserializer::new(&mut bytes);
    deserializer.set_max_depth(DEEPEST);
    let value = T::deserialize(&mut deserializer).map_err(not_decoded)?;
    if !bytes.is_empty() {
        return Err(not_decoded("there is something after the value"));
    }
    Ok(value)
}
