//! Dates in header fields.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Seconds since 1970 of a field that holds one date, in any of the three formats that RFC 9110
/// §5.6.7 knows. None if it is missing, repeated, or no date.
pub(crate) fn date(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    parse(value.to_str().ok()?)
}

pub(crate) fn parse(text: &str) -> Option<u64> {
    let canonical = canonical_case(text.trim());
    let time = httpdate::parse_http_date(&canonical).ok()?;
    time.duration_since(UNIX_EPOCH)
        .ok()
        .map(|since| since.as_secs())
}

/// Gives a response without a `Date` that of its arrival (RFC 9110 §6.6.1).
pub(crate) fn date_on_arrival(response: &mut HeaderMap, received_ms: u64) {
    if date(response, &header::DATE).is_none() {
        let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(received_ms));
        response.extend(
            HeaderValue::try_from(text)
                .ok()
                .map(|date| (header::DATE, date)),
        );
    }
}

/// The names of days, months and the time zone are case-sensitive by the grammar, but there is only
/// one thing that `thu, 18 aug 2050 ... gmt` can mean.
fn canonical_case(text: &str) -> String {
    let mut canonical = String::with_capacity(text.len());
    for word in text.split_inclusive([' ', '-', ',']) {
        if word.trim_end().eq_ignore_ascii_case("gmt") {
            canonical.push_str(&word.to_ascii_uppercase());
        } else {
            let mut letters = word.chars();
            canonical.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            canonical.extend(letters.map(|letter| letter.to_ascii_lowercase()));
        }
    }
    canonical
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use super::*;

    /// The format that is sent.
    pub(crate) fn format(seconds: u64) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    const AUGUST: u64 = 2_544_400_900;

    #[test]
    fn all_three_formats_are_read_in_any_case() {
        for text in [
            "Thu, 18 Aug 2050 02:01:40 GMT",
            "thu, 18 AUG 2050 02:01:40 gmt",
            "Thursday, 18-Aug-50 02:01:40 GMT",
            "Thu Aug 18 02:01:40 2050",
        ] {
            assert_eq!(parse(text), Some(AUGUST), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "0",
            "",
            "Thu, 18 Aug 2050 02:01:40 UTC",
            "Thu, 18 Aug 2050 02:01:40 AEST",
            "Thu, 18 Aug 50 02:01:40 GMT",
            "Thu 18 Aug 2050 02:01:40 GMT",
            "Thu, 18  Aug  2050 02:01:40 GMT",
            "Thu, 18-Aug-2050 02:01:40 GMT",
            "Thu, 18 Aug 2050 02.01.40 GMT",
            "Thu, 18 Aug 2050 2:01:40 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
