//! How old a response is, and how old it may become.

use http::{HeaderMap, StatusCode, header};

use super::date::date;
use super::directives::{Directives, MOST, delta_seconds};

/// What is needed to tell whether a response is fresh. Seconds, but for `received_ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// When the response was received, in milliseconds since 1970.
    pub(crate) received_ms: u64,
    /// How old it was then.
    pub(crate) initial_age: u64,
    /// How old it may become.
    pub(crate) lifetime: u64,
}

impl Freshness {
    /// Age as of RFC 9111 §4.2.3.
    pub(crate) fn age(&self, now_ms: u64) -> u64 {
        self.initial_age + now_ms.saturating_sub(self.received_ms) / 1000
    }

    /// How long it stays fresh, in milliseconds.
    pub(crate) fn fresh_ms(&self, now_ms: u64) -> u64 {
        let end =
            self.received_ms + self.lifetime.saturating_sub(self.initial_age).min(MOST) * 1000;
        if self.lifetime <= self.initial_age {
            0
        } else {
            end.saturating_sub(now_ms)
        }
    }

    pub(crate) fn is_fresh(&self, now_ms: u64) -> bool {
        self.fresh_ms(now_ms) > 0
    }

    /// For how many seconds it has been stale.
    pub(crate) fn stale_for(&self, now_ms: u64) -> u64 {
        self.age(now_ms).saturating_sub(self.lifetime)
    }
}

/// The age of a response on arrival: what the caches before have said, or its `Date`, and the time it
/// was on its way (RFC 9111 §4.2.3).
pub(crate) fn initial_age(headers: &HeaderMap, requested_ms: u64, received_ms: u64) -> u64 {
    let apparent =
        date(headers, &header::DATE).map_or(0, |date| (received_ms / 1000).saturating_sub(date));
    let delay = received_ms.saturating_sub(requested_ms) / 1000;
    apparent.max(age_field(headers) + delay)
}

/// `Age`: the first member of the first line, or 0 if that is no number (RFC 9111 §5.1).
fn age_field(headers: &HeaderMap) -> u64 {
    let first = headers
        .get(header::AGE)
        .and_then(|value| value.to_str().ok());
    let member = first.and_then(|line| line.split(',').next()).map(str::trim);
    member.and_then(delta_seconds).unwrap_or(0)
}

/// How long a response says it is fresh (RFC 9111 §4.2.1), if it says so.
pub(crate) fn explicit_lifetime(
    headers: &HeaderMap,
    directives: &Directives,
    received_ms: u64,
) -> Option<u64> {
    if let Some(seconds) = directives
        .seconds("s-maxage")
        .or_else(|| directives.seconds("max-age"))
    {
        return Some(seconds);
    }
    if directives.are_targeted() || !headers.contains_key(header::EXPIRES) {
        return None;
    }
    let date = date(headers, &header::DATE).unwrap_or(received_ms / 1000);
    Some(
        super::date::date(headers, &header::EXPIRES)
            .map_or(0, |expires| expires.saturating_sub(date)),
    )
}

/// A tenth of the time since the last change, a day at most (RFC 9111 §4.2.2), for responses that say
/// nothing and whose status allows it.
pub(crate) fn heuristic_lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &Directives,
    received_ms: u64,
) -> Option<u64> {
    const LONGEST: u64 = 24 * 60 * 60;
    if !is_heuristically_cacheable(status) && !directives.has("public") {
        return None;
    }
    let date = date(headers, &header::DATE).unwrap_or(received_ms / 1000);
    let modified = super::date::date(headers, &header::LAST_MODIFIED)?;
    Some((date.saturating_sub(modified) / 10).min(LONGEST))
}

/// RFC 9110 §15.1.
pub(crate) fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::date::tests::format;
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const NOW: u64 = NOW_MS / 1000;

    fn headers(fields: &[(&'static str, String)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn lifetime(fields: &[(&'static str, String)]) -> Option<u64> {
        let headers = headers(fields);
        explicit_lifetime(&headers, &Directives::of_response(&headers), NOW_MS)
    }

    #[test]
    fn a_shared_lifetime_goes_before_the_general_one_and_that_before_a_date() {
        let control = |value: &str| ("cache-control", value.to_owned());
        let expires = ("expires", format(NOW + 7));
        assert_eq!(
            lifetime(&[control("max-age=1, s-maxage=5"), expires.clone()]),
            Some(5)
        );
        assert_eq!(lifetime(&[control("max-age=1"), expires.clone()]), Some(1));
        assert_eq!(lifetime(std::slice::from_ref(&expires)), Some(7));
        assert_eq!(
            lifetime(&[expires.clone(), ("date", format(NOW + 5))]),
            Some(2)
        );
        assert_eq!(lifetime(&[expires.clone(), expires]), Some(0));
        assert_eq!(lifetime(&[("expires", "0".to_owned())]), Some(0));
        assert_eq!(lifetime(&[]), None);
    }

    #[test]
    fn beside_a_targeted_field_a_date_says_nothing() {
        let targeted = |value: &str| ("cdn-cache-control", value.to_owned());
        let expires = ("expires", format(NOW + 7));
        assert_eq!(lifetime(&[targeted("public"), expires.clone()]), None);
        assert_eq!(lifetime(&[targeted("max-age=5"), expires.clone()]), Some(5));
        assert_eq!(lifetime(&[targeted(""), expires]), Some(7));
    }

    #[test]
    fn age_is_the_largest_of_what_is_known() {
        let age = |fields: &[_]| initial_age(&headers(fields), NOW_MS - 3000, NOW_MS);
        assert_eq!(age(&[]), 3);
        assert_eq!(age(&[("age", "10".to_owned())]), 13);
        assert_eq!(
            age(&[("age", "10, 99".to_owned()), ("age", "7".to_owned())]),
            13
        );
        assert_eq!(age(&[("age", "old".to_owned())]), 3);
        assert_eq!(age(&[("date", format(NOW - 60))]), 60);
        assert_eq!(age(&[("date", format(NOW + 60))]), 3);
    }

    #[test]
    fn a_response_is_fresh_until_its_age_is_its_lifetime() {
        let freshness = Freshness {
            received_ms: NOW_MS,
            initial_age: 4,
            lifetime: 6,
        };
        assert!(freshness.is_fresh(NOW_MS + 1999));
        assert!(!freshness.is_fresh(NOW_MS + 2000));
        assert_eq!(freshness.age(NOW_MS + 2500), 6);
        assert_eq!(freshness.stale_for(NOW_MS + 5000), 3);
        assert!(
            !Freshness {
                lifetime: 0,
                ..freshness
            }
            .is_fresh(NOW_MS)
        );
    }

    #[test]
    fn a_guess_needs_a_status_that_allows_it() {
        let headers = headers(&[("last-modified", format(NOW - 1000))]);
        let guess = |status, control: &str| {
            let mut headers = headers.clone();
            headers.insert("cache-control", control.parse().unwrap());
            heuristic_lifetime(
                StatusCode::from_u16(status).unwrap(),
                &headers,
                &Directives::of_response(&headers),
                NOW_MS,
            )
        };
        assert_eq!(guess(200, ""), Some(100));
        assert_eq!(guess(201, ""), None);
        assert_eq!(guess(599, "public"), Some(100));
    }
}
