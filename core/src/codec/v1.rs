//! Version 1: flags, the time of storing, the other times relative to it, the tags.

use super::reader::{Reader, put_signed, put_unsigned};
use super::{DecodeError, Meta, TIME_LIMIT_MS, Tags};

pub(super) const VERSION: u8 = 1;

const PENDING: u8 = 1 << 0;
const DEAD: u8 = 1 << 1;
const MARK: u8 = 1 << 2;
const COMPUTE: u8 = 1 << 3;
const VALUE_END: u8 = 1 << 4;
const HOLD: u8 = 1 << 5;
const KNOWN: u8 = PENDING | DEAD | MARK | COMPUTE | VALUE_END | HOLD;

pub(super) fn encode<T>(meta: &Meta<T>, out: &mut Vec<u8>)
where
    T: Copy + IntoIterator<Item: AsRef<[u8]>, IntoIter: ExactSizeIterator>,
{
    let stored_ms = clamp(meta.stored_ms);
    let relative = |ms: i64, out: &mut Vec<u8>| put_signed(clamp(ms) - stored_ms, out);
    out.push(flags(meta));
    put_signed(stored_ms, out);
    relative(meta.tagged_ms, out);
    if let Some(ms) = meta.mark_ms {
        relative(ms, out);
    }
    if let Some(ms) = meta.compute_ms {
        put_unsigned(ms.into(), out);
    }
    put_unsigned(meta.grace_ms.min(LAST_MS.cast_unsigned()), out);
    for ms in [meta.value_end_ms, meta.hold_ms].into_iter().flatten() {
        relative(ms, out);
    }
    Tags::write(meta.tags, out);
}

fn flags<T>(meta: &Meta<T>) -> u8 {
    let flags = [
        (meta.pending, PENDING),
        (meta.dead, DEAD),
        (meta.mark_ms.is_some(), MARK),
        (meta.compute_ms.is_some(), COMPUTE),
        (meta.value_end_ms.is_some(), VALUE_END),
        (meta.hold_ms.is_some(), HOLD),
    ];
    flags
        .into_iter()
        .filter(|(set, _)| *set)
        .fold(0, |flags, (_, flag)| flags | flag)
}

pub(super) fn decode<'a>(reader: &mut Reader<'a>) -> Result<Meta<Tags<'a>>, DecodeError> {
    let flags = reader.byte()?;
    if flags & !KNOWN != 0 {
        return Err(DecodeError::UnknownFlags(flags & !KNOWN));
    }
    let stored_ms = checked(reader.signed()?)?;
    let relative = |reader: &mut Reader<'a>| checked(reader.signed()?.saturating_add(stored_ms));
    let has = |flag| (flags & flag != 0).then_some(());
    Ok(Meta {
        pending: flags & PENDING != 0,
        dead: flags & DEAD != 0,
        stored_ms,
        tagged_ms: relative(reader)?,
        mark_ms: has(MARK).map(|()| relative(reader)).transpose()?,
        compute_ms: has(COMPUTE).map(|()| compute(reader)).transpose()?,
        grace_ms: grace(reader)?,
        value_end_ms: has(VALUE_END).map(|()| relative(reader)).transpose()?,
        hold_ms: has(HOLD).map(|()| relative(reader)).transpose()?,
        tags: Tags::read(reader)?,
    })
}

const LAST_MS: i64 = TIME_LIMIT_MS - 1;
fn clamp(ms: i64) -> i64 {
    ms.clamp(-LAST_MS, LAST_MS)
}
fn checked(ms: i64) -> Result<i64, DecodeError> {
    Ok(ms)
}
fn compute(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    Ok(reader.unsigned()? as u32)
}
fn grace(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    reader.unsigned()
}
