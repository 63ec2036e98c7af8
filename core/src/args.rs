//! The arguments of a call, and a cursor that takes them apart.

use crate::config::Config;
use crate::error::Error;

/// The arguments of a call as the server hands them over. Argument 0 is the command's name.
pub trait Argv {
    /// How many there are, the name included.
    fn len(&self) -> usize;

    /// Argument `i`; empty if there is none.
    fn get(&self, i: usize) -> &[u8];

    /// Whether there is not even a name.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Argv for [&[u8]] {
    fn len(&self) -> usize {
        self.len()
    }

    fn get(&self, i: usize) -> &[u8] {
        <[_]>::get(self, i).copied().unwrap_or_default()
    }
}

impl Argv for [Vec<u8>] {
    fn len(&self) -> usize {
        self.len()
    }

    fn get(&self, i: usize) -> &[u8] {
        <[_]>::get(self, i).map_or(&[], Vec::as_slice)
    }
}

/// The longest keyword there is, in bytes.
const KEYWORD: usize = 16;

/// A cursor over the arguments behind the command's name.
#[derive(Debug)]
pub struct Args<'a, A: ?Sized> {
    argv: &'a A,
    next: usize,
    command: &'static str,
}

impl<'a, A: Argv + ?Sized> Args<'a, A> {
    /// Begins behind the name. `command` is the name errors speak of.
    ///
    /// # Errors
    /// If the number of arguments, the name included, does not fit `arity`: exactly that many, or at
    /// least that many if it is negative.
    pub fn new(argv: &'a A, command: &'static str, arity: i32) -> Result<Self, Error> {
        let wanted = arity.unsigned_abs() as usize;
        let fits = if arity < 0 {
            argv.len() >= wanted
        } else {
            argv.len() == wanted
        };
        if fits {
            Ok(Self {
                argv,
                next: 1,
                command,
            })
        } else {
            Err(Error::Arity(command))
        }
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.argv.len().saturating_sub(self.next)
    }

    /// The next argument.
    ///
    /// # Errors
    /// If there is none: a syntax error.
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        if self.left() == 0 {
            return Err(Error::Syntax);
        }
        self.next += 1;
        Ok(self.argv.get(self.next - 1))
    }

    /// The next argument as the name of an option, in capitals; `None` at the end.
    pub fn keyword(&mut self) -> Option<Keyword> {
        self.bytes().ok().map(Keyword::of)
    }

    /// The next argument as an integer.
    ///
    /// # Errors
    /// If there is none, or it is not the shortest decimal form of a 64-bit integer.
    pub fn integer(&mut self) -> Result<i64, Error> {
        integer(self.bytes()?)
    }

    /// The next argument as a length of time in ms, at least 1; it is given in units of `unit_ms`.
    ///
    /// # Errors
    /// If it is not an integer, not positive, or too large to count in ms.
    pub fn expiry(&mut self, unit_ms: i64) -> Result<i64, Error> {
        let invalid = Error::InvalidExpire(self.command);
        let value = self.integer()?;
        if value <= 0 {
            return Err(invalid);
        }
        value.checked_mul(unit_ms).ok_or(invalid)
    }

    /// The next argument as a number of ms from `least` to `most`.
    ///
    /// # Errors
    /// If it is not an integer, or out of range.
    pub fn ms(&mut self, what: &'static str, least: u64, most: u64) -> Result<u64, Error> {
        let value = self.integer()?;
        let in_range = u64::try_from(value)
            .ok()
            .filter(|ms| (least..=most).contains(ms));
        in_range.ok_or(Error::OutOfRange { what, least, most })
    }

    /// The next argument as the length of a lease or backoff, ms.
    ///
    /// # Errors
    /// If it is not an integer, not positive, or larger than `cache.max-lease-time`.
    pub fn lease(&mut self, what: &'static str, config: &Config) -> Result<u64, Error> {
        let most = config.max_lease_time_ms;
        match self.ms(what, 1, most) {
            Err(Error::OutOfRange { .. }) => Err(Error::LeaseTime { what, most }),
            result => result,
        }
    }

    /// The next argument as a lease's token.
    ///
    /// # Errors
    /// If it is not a positive integer below 2^53.
    pub fn token(&mut self) -> Result<u64, Error> {
        let value = self.integer()?;
        let valid = u64::try_from(value)
            .ok()
            .filter(|token| (1..1 << 53).contains(token));
        valid.ok_or(Error::InvalidToken)
    }

    /// The next argument as a cursor.
    ///
    /// # Errors
    /// If it is not an unsigned 64-bit integer.
    pub fn cursor(&mut self) -> Result<u64, Error> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| Error::InvalidCursor)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|_| digits)
            .ok_or(Error::InvalidCursor)
    }

    /// The next argument as a positive number of elements.
    ///
    /// # Errors
    /// If it is not an integer; a syntax error if it is not positive.
    pub fn count(&mut self) -> Result<usize, Error> {
        let value = self.integer()?;
        usize::try_from(value)
            .ok()
            .filter(|count| *count > 0)
            .ok_or(Error::Syntax)
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// A syntax error.
    pub fn finish(&self) -> Result<(), Error> {
        if self.left() == 0 {
            Ok(())
        } else {
            Err(Error::Syntax)
        }
    }
}

/// The name of an option, in capitals. Whatever is longer than any option's name is cut, and
/// equals none.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    bytes: [u8; KEYWORD],
    len: usize,
}

impl Keyword {
    fn of(argument: &[u8]) -> Self {
        let mut bytes = [0; KEYWORD];
        let len = argument.len().min(KEYWORD);
        bytes[..len].copy_from_slice(&argument[..len]);
        bytes.make_ascii_uppercase();
        Self { bytes, len }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// An integer as Redis takes it: decimal, without sign for positive ones, spaces or leading zeros.
///
/// # Errors
/// If `bytes` are anything else, or out of range.
pub fn integer(bytes: &[u8]) -> Result<i64, Error> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let negative = digits.len() < bytes.len();
    let value = match digits {
        [b'0'] if !negative => Some(0),
        [b'1'..=b'9', ..] if negative => negated(digits),
        [b'1'..=b'9', ..] => negated(digits).and_then(i64::checked_neg),
        _ => None,
    };
    value.ok_or(Error::NotAnInteger)
}

/// What the digits say, negated: the smallest integer has no positive counterpart.
fn negated(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_sub(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_strict_as_those_of_redis() {
        for (text, value) in [
            ("0", 0),
            ("7", 7),
            ("-1", -1),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(integer(text.as_bytes()), Ok(value));
        }
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "01",
            "-0",
            "1.0",
            "0x1",
            "9223372036854775808",
            "1e3",
            "١",
        ] {
            assert_eq!(
                integer(text.as_bytes()),
                Err(Error::NotAnInteger),
                "{text:?}"
            );
        }
        assert_eq!(integer(b"1\xff"), Err(Error::NotAnInteger));
    }

    #[test]
    fn expiries_are_positive_and_can_be_counted_in_ms() {
        let expiry = |text: &str, unit| {
            let argv: &[&[u8]] = &[b"cache.set", text.as_bytes()];
            Args::new(argv, "cache.set", -1).and_then(|mut args| args.expiry(unit))
        };
        assert_eq!(expiry("5", 1_000), Ok(5_000));
        assert_eq!(
            expiry("9223372036854775", 1_000),
            Ok(9_223_372_036_854_775_000)
        );
        for text in ["0", "-1", "9223372036854776", "9223372036854775807"] {
            assert_eq!(
                expiry(text, 1_000),
                Err(Error::InvalidExpire("cache.set")),
                "{text}"
            );
        }
        assert_eq!(expiry("soon", 1), Err(Error::NotAnInteger));
    }

    #[test]
    fn keywords_are_known_in_any_case_and_never_mistaken() {
        let argv: &[&[u8]] = &[b"cache.get", b"sTaLe", b"a-very-long-argument"];
        let mut args = Args::new(argv, "cache.get", -1).unwrap();
        assert_eq!(args.keyword().unwrap().name(), b"STALE");
        assert_eq!(args.keyword().unwrap().name().len(), KEYWORD);
        assert!(args.keyword().is_none());
    }

    #[test]
    fn the_number_of_arguments_is_checked_both_ways() {
        let argv: &[&[u8]] = &[b"x", b"1"];
        assert!(Args::new(argv, "x", 2).is_ok() && Args::new(argv, "x", -2).is_ok());
        assert_eq!(Args::new(argv, "x", 3).err(), Some(Error::Arity("x")));
        assert_eq!(Args::new(argv, "x", -3).err(), Some(Error::Arity("x")));
        assert_eq!(Args::new(argv, "x", 1).err(), Some(Error::Arity("x")));
    }
}
