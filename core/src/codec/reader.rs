//! Reading and writing the pieces that all versions are made of.
//!
//! Numbers are LEB128: seven bits a byte, the lowest first, the high bit says that more follow.
//! Signed ones are zigzag-coded before (0, -1, 1, -2 ... become 0, 1, 2, 3 ...).

use super::DecodeError;

/// Bytes of which less and less is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// An unsigned number in its shortest form.
    pub(super) fn unsigned(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return Err(DecodeError::BadNumber);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(DecodeError::BadNumber)
    }

    /// A signed number in its shortest form.
    pub(super) fn signed(&mut self) -> Result<i64, DecodeError> {
        let zigzag = self.unsigned()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// A byte string after its length.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(self.unsigned()?).map_err(|_| DecodeError::Truncated)?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Makes sure that nothing is left.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            n => Err(DecodeError::TrailingBytes(n)),
        }
    }
}

pub(super) fn put_unsigned(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_signed(number: i64, out: &mut Vec<u8>) {
    put_unsigned((number << 1 ^ number >> 63).cast_unsigned(), out);
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_unsigned(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unsigned(bytes: &[u8]) -> Result<u64, DecodeError> {
        Reader::new(bytes).unsigned()
    }

    #[test]
    fn numbers_are_little_endian_groups_of_seven_bits() {
        for (number, bytes) in [
            (0, &b"\x00"[..]),
            (127, b"\x7f"),
            (128, b"\x80\x01"),
            (300, b"\xac\x02"),
            (u64::MAX, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ] {
            let mut out = Vec::new();
            put_unsigned(number, &mut out);
            assert_eq!((&out[..], unsigned(bytes)), (bytes, Ok(number)));
        }
    }

    #[test]
    fn small_negatives_are_short() {
        for (number, byte) in [(0, 0), (-1, 1), (1, 2), (-2, 3), (63, 126), (-64, 127)] {
            let mut out = Vec::new();
            put_signed(number, &mut out);
            assert_eq!(
                (&out[..], Reader::new(&[byte]).signed()),
                (&[byte][..], Ok(number))
            );
        }
    }

    #[test]
    fn a_number_has_one_form_only_and_64_bits() {
        assert_eq!(unsigned(b""), Err(DecodeError::Truncated));
        assert_eq!(unsigned(b"\x80"), Err(DecodeError::Truncated));
        assert_eq!(unsigned(b"\x80\x00"), Err(DecodeError::BadNumber));
        assert_eq!(unsigned(b"\xff\x80\x00"), Err(DecodeError::BadNumber));
        assert_eq!(
            unsigned(&[&[0x80; 9][..], b"\x02"].concat()),
            Err(DecodeError::BadNumber)
        );
        assert_eq!(
            unsigned(&[&[0x80; 9][..], b"\x81\x01"].concat()),
            Err(DecodeError::BadNumber)
        );
    }

    #[test]
    fn a_claimed_length_is_checked_against_what_is_there() {
        assert_eq!(Reader::new(b"\x02ab").bytes(), Ok(&b"ab"[..]));
        assert_eq!(Reader::new(b"\x03ab").bytes(), Err(DecodeError::Truncated));
        let huge = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01ab";
        assert_eq!(Reader::new(huge).bytes(), Err(DecodeError::Truncated));
    }

    proptest! {
        #[test]
        fn numbers_round_trip(number: u64) {
            let mut out = Vec::new();
            put_unsigned(number, &mut out);
            put_signed(number.cast_signed(), &mut out);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.unsigned(), Ok(number));
            prop_assert_eq!(reader.signed(), Ok(number.cast_signed()));
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }
}
