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
    let has = |flag| flags & flag != 0;
    let stored_ms = time(reader)?;
    let since_stored = |reader: &mut Reader<'a>| later(stored_ms, reader);
    Ok(Meta {
        pending: has(PENDING),
        dead: has(DEAD),
        stored_ms,
        tagged_ms: since_stored(reader)?,
        mark_ms: has(MARK).then(|| since_stored(reader)).transpose()?,
        compute_ms: has(COMPUTE).then(|| compute(reader)).transpose()?,
        grace_ms: grace(reader)?,
        value_end_ms: has(VALUE_END).then(|| since_stored(reader)).transpose()?,
        hold_ms: has(HOLD).then(|| since_stored(reader)).transpose()?,
        tags: Tags::read(reader)?,
    })
}

/// The last time inside the range, in ms.
const LAST_MS: i64 = TIME_LIMIT_MS - 1;

fn clamp(ms: i64) -> i64 {
    ms.clamp(-LAST_MS, LAST_MS)
}

fn time(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    later(0, reader)
}

fn later(than_ms: i64, reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    let ms = than_ms.saturating_add(reader.signed()?);
    if ms == clamp(ms) {
        Ok(ms)
    } else {
        Err(DecodeError::TimeOutOfRange)
    }
}

fn grace(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let ms = reader.unsigned()?;
    if ms <= LAST_MS.cast_unsigned() {
        Ok(ms)
    } else {
        Err(DecodeError::TimeOutOfRange)
    }
}

fn compute(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.unsigned()?).map_err(|_| DecodeError::BadNumber)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    const NONE: [&[u8]; 0] = [];

    fn meta() -> Meta<&'static [&'static [u8]]> {
        Meta {
            pending: false,
            dead: false,
            stored_ms: 0,
            tagged_ms: 0,
            mark_ms: None,
            compute_ms: None,
            grace_ms: 0,
            value_end_ms: None,
            hold_ms: None,
            tags: &NONE,
        }
    }

    fn encoded(meta: &Meta<&[&[u8]]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(meta, &mut bytes);
        bytes
    }

    /// Version, flags, the given fields, no tags.
    fn payload(flags: u8, signed: &[i64], unsigned: &[u64]) -> Vec<u8> {
        let mut bytes = vec![VERSION, flags];
        signed
            .iter()
            .for_each(|&number| put_signed(number, &mut bytes));
        unsigned
            .iter()
            .for_each(|&number| put_unsigned(number, &mut bytes));
        bytes.push(0);
        bytes
    }

    #[test]
    fn each_flag_has_its_bit() {
        let set = [
            (
                Meta {
                    pending: true,
                    ..meta()
                },
                0b00_0001,
            ),
            (
                Meta {
                    dead: true,
                    ..meta()
                },
                0b00_0010,
            ),
            (
                Meta {
                    mark_ms: Some(0),
                    ..meta()
                },
                0b00_0100,
            ),
            (
                Meta {
                    compute_ms: Some(0),
                    ..meta()
                },
                0b00_1000,
            ),
            (
                Meta {
                    value_end_ms: Some(0),
                    ..meta()
                },
                0b01_0000,
            ),
            (
                Meta {
                    hold_ms: Some(0),
                    ..meta()
                },
                0b10_0000,
            ),
        ];
        for (meta, flags) in set {
            assert_eq!(encoded(&meta)[1], flags);
        }
        assert_eq!(
            decode(&payload(0x40, &[0, 0], &[0])),
            Err(DecodeError::UnknownFlags(0x40))
        );
        assert_eq!(
            decode(&payload(0x83, &[0, 0], &[0])),
            Err(DecodeError::UnknownFlags(0x80))
        );
    }

    #[test]
    fn the_ends_of_the_range_round_trip_and_nothing_beyond() {
        for ms in [LAST_MS, -LAST_MS] {
            let bytes = encoded(&Meta {
                stored_ms: ms,
                tagged_ms: -ms,
                ..meta()
            });
            let read = decode(&bytes).expect("times in range");
            assert_eq!((read.stored_ms, read.tagged_ms), (ms, -ms));
        }
        for times in [
            [TIME_LIMIT_MS, 0],
            [-TIME_LIMIT_MS, 0],
            [i64::MIN, 0],
            [LAST_MS, 1],
            [-LAST_MS, -1],
            [1, i64::MAX],
            [-1, i64::MIN],
        ] {
            let bytes = payload(0, &times, &[0]);
            assert_eq!(
                decode(&bytes),
                Err(DecodeError::TimeOutOfRange),
                "{times:?}"
            );
        }
        let bytes = payload(0, &[0, 0], &[TIME_LIMIT_MS.cast_unsigned()]);
        assert_eq!(decode(&bytes), Err(DecodeError::TimeOutOfRange));
    }

    #[test]
    fn times_out_of_range_are_written_as_its_ends() {
        let extreme = Meta {
            stored_ms: i64::MIN,
            tagged_ms: i64::MAX,
            grace_ms: u64::MAX,
            value_end_ms: Some(i64::MAX),
            ..meta()
        };
        let bytes = encoded(&extreme);
        let read = decode(&bytes).expect("clamped");
        assert_eq!((read.stored_ms, read.tagged_ms), (-LAST_MS, LAST_MS));
        assert_eq!(read.grace_ms, LAST_MS.cast_unsigned());
        assert_eq!(read.value_end_ms, Some(LAST_MS));
    }

    #[test]
    fn a_compute_time_has_32_bits() {
        let most = payload(COMPUTE, &[0, 0], &[u32::MAX.into(), 0]);
        assert_eq!(
            decode(&most).map(|meta| meta.compute_ms),
            Ok(Some(u32::MAX))
        );
        let more = payload(COMPUTE, &[0, 0], &[1 << 32, 0]);
        assert_eq!(decode(&more), Err(DecodeError::BadNumber));
    }
}
