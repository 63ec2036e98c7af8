//! Keys: those made of a function and its arguments, and the namespace that all of them are in.

#[cfg(feature = "macros")]
mod canonical;
#[cfg(feature = "macros")]
mod function;
mod namespace;

#[cfg(feature = "macros")]
pub(crate) use function::key_of;
pub(crate) use namespace::Namespace;

#[cfg(any(feature = "macros", feature = "http"))]
pub(crate) fn push_hexadecimal(out: &mut String, bytes: &[u8]) {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    out.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
}

#[cfg(feature = "macros")]
#[cfg(test)]
mod tests;
