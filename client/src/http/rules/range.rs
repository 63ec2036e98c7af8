//! Parts of a stored response.

use std::ops::Range;

use http::{HeaderMap, header};

/// What a request asks for of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: there is no range, or one that this cache leaves unanswered, as it may (RFC 9110
    /// §14.2).
    All,
    /// These bytes.
    Bytes(Range<usize>),
    /// Nothing that is there (`416`).
    Unsatisfiable,
}

/// The part of a body of `length` bytes that a request is for.
pub(crate) fn part(request: &HeaderMap, stored: &HeaderMap, length: usize) -> Part {
    let Some(range) = single_range(request) else {
        return Part::All;
    };
    if !condition_holds(request, stored) {
        return Part::All;
    }
    let parse = |digits: &str| digits.parse::<usize>().ok();
    let (first, end) = match range {
        ("", suffix) => match parse(suffix) {
            // Nothing of the end is not a part.
            Some(0) => (length, usize::MAX),
            Some(suffix) => (length.saturating_sub(suffix), usize::MAX),
            None => return Part::All,
        },
        (first, "") => match parse(first) {
            Some(first) => (first, usize::MAX),
            None => return Part::All,
        },
        (first, last) => match (parse(first), parse(last)) {
            (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1)),
            _ => return Part::All,
        },
    };
    if first >= length {
        Part::Unsatisfiable
    } else {
        Part::Bytes(first..end.min(length))
    }
}

/// First and last byte, either of which may be missing.
fn single_range(request: &HeaderMap) -> Option<(&str, &str)> {
    let value = request.get(header::RANGE)?.to_str().ok()?;
    let (unit, set) = value.split_once('=')?;
    let (first, last) = set.split_once('-')?;
    let one = unit.trim().eq_ignore_ascii_case("bytes") && !set.contains(',');
    one.then_some((first.trim(), last.trim()))
}

/// `If-Range`: by strong comparison (RFC 9110 §13.1.5).
fn condition_holds(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let Some(condition) = request.get(header::IF_RANGE) else {
        return true;
    };
    let is_strong = condition.as_bytes().starts_with(b"\"");
    (is_strong && stored.get(header::ETAG) == Some(condition))
        || stored.get(header::LAST_MODIFIED) == Some(condition)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn of_ten(range: &str) -> Part {
        let mut request = HeaderMap::new();
        request.insert("range", range.parse().unwrap());
        part(&request, &HeaderMap::new(), 10)
    }

    #[test]
    fn ranges_have_a_beginning_or_an_end() {
        assert_eq!(of_ten("bytes=0-1"), Part::Bytes(0..2));
        assert_eq!(of_ten("bytes=4-"), Part::Bytes(4..10));
        assert_eq!(of_ten("bytes=-3"), Part::Bytes(7..10));
        assert_eq!(of_ten("bytes=-30"), Part::Bytes(0..10));
        assert_eq!(of_ten("bytes=8-99"), Part::Bytes(8..10));
        assert_eq!(of_ten("bytes=10-"), Part::Unsatisfiable);
        assert_eq!(of_ten("bytes=-0"), Part::Unsatisfiable);
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        for range in [
            "lines=1-2",
            "bytes=0-1,3-4",
            "bytes=5-1",
            "bytes=a-b",
            "bytes",
            "bytes=-",
        ] {
            assert_eq!(of_ten(range), Part::All, "{range}");
        }
    }
}
