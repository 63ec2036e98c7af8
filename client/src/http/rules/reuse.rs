//! What may be answered with what is stored.

use http::{HeaderMap, header};

use super::directives::Directives;
use super::freshness::Freshness;
use super::storing::Choices;

/// What a stored response says about its own reuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) freshness: Freshness,
    /// Seconds for which it may be served while it is revalidated (RFC 5861 §3).
    pub(crate) stale_while_revalidate: u64,
    /// Seconds for which it may be served when the origin fails (RFC 5861 §4).
    pub(crate) stale_if_error: u64,
    /// Whether it must be validated each time (`no-cache`).
    pub(crate) always_validate: bool,
}

/// What to do about a request for which there is a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Serve it.
    Serve,
    /// Serve it, and look for a newer one.
    ServeStale,
    /// Ask the origin, whether it has changed.
    Validate,
    /// The same because the client wants it so, although it is fresh.
    Reload,
}

impl Terms {
    pub(crate) fn of(choices: &Choices, response: &HeaderMap, freshness: Freshness) -> Self {
        let directives = Directives::of_response(response);
        let always_validate = directives.has_plain("no-cache")
            || (!response.contains_key(header::CACHE_CONTROL)
                && Directives::of_request(response).has("no-cache"));
        // §4.2.4: these forbid to serve what is stale.
        let forbidden = always_validate
            || directives.has("must-revalidate")
            || directives.has("proxy-revalidate");
        let allowed = |name: &str, default: u64| {
            if forbidden {
                0
            } else {
                directives.seconds(name).unwrap_or(default)
            }
        };
        // So does `s-maxage`, but whoever says beside it for how long means that.
        let stale_if_error = if directives.has("s-maxage") {
            0
        } else {
            choices.stale_if_error
        };
        Self {
            freshness,
            stale_while_revalidate: allowed("stale-while-revalidate", 0),
            stale_if_error: allowed("stale-if-error", stale_if_error),
            always_validate,
        }
    }

    /// For a client with these directives (RFC 9111 §5.2.1). A response may have been marked as stale
    /// before its time.
    pub(crate) fn reuse(&self, client: &Directives, is_marked: bool, now_ms: u64) -> Reuse {
        let age = self.freshness.age(now_ms);
        let fresh_for = self.freshness.fresh_ms(now_ms) / 1000;
        if client.has("no-cache")
            || client
                .seconds("max-age")
                .is_some_and(|most| age > most || most == 0)
            || client
                .seconds("min-fresh")
                .is_some_and(|least| fresh_for < least)
        {
            return Reuse::Reload;
        }
        if self.always_validate {
            return Reuse::Validate;
        }
        if self.freshness.is_fresh(now_ms) && !is_marked {
            return Reuse::Serve;
        }
        let stale_for = self.freshness.stale_for(now_ms);
        if stale_for < self.stale_while_revalidate {
            Reuse::ServeStale
        } else {
            Reuse::Validate
        }
    }

    /// Whether several clients may be given one answer of the origin.
    pub(crate) fn can_be_fresh(&self) -> bool {
        !self.always_validate && self.freshness.lifetime > self.freshness.initial_age
    }

    /// Whether it may be served because the origin fails. One that is fresh may, unless it has been marked
    /// as stale.
    pub(crate) fn may_cover_for_origin(&self, is_marked: bool, now_ms: u64) -> bool {
        let is_fresh = self.freshness.is_fresh(now_ms) && !is_marked;
        let stale_for = self.freshness.stale_for(now_ms);
        !self.always_validate && (is_fresh || stale_for < self.stale_if_error)
    }

    /// For how long after it has become stale it can be of use, in seconds.
    pub(crate) fn useful_for(&self) -> u64 {
        self.stale_while_revalidate.max(self.stale_if_error)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const CHOICES: Choices = Choices {
        default_lifetime: None,
        heuristics: false,
        share_cookies: false,
        stale_if_error: 0,
    };

    fn terms(control: &str, lifetime: u64) -> Terms {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", control.parse().unwrap());
        Terms::of(
            &CHOICES,
            &headers,
            Freshness {
                received_ms: NOW_MS,
                initial_age: 0,
                lifetime,
            },
        )
    }

    fn client(control: &str) -> Directives {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", control.parse().unwrap());
        Directives::of_request(&headers)
    }

    #[test]
    fn what_is_stale_is_served_only_while_that_is_allowed() {
        let after =
            |terms: Terms, seconds: u64| terms.reuse(&client(""), false, NOW_MS + seconds * 1000);
        let lenient = terms("stale-while-revalidate=5", 10);
        assert_eq!(after(lenient, 9), Reuse::Serve);
        assert_eq!(after(lenient, 10), Reuse::ServeStale);
        assert_eq!(after(lenient, 14), Reuse::ServeStale);
        assert_eq!(after(lenient, 15), Reuse::Validate);
        for strict in ["must-revalidate", "proxy-revalidate", "no-cache"] {
            let control = format!("stale-while-revalidate=5, stale-if-error=5, {strict}");
            assert_eq!(after(terms(&control, 10), 10), Reuse::Validate, "{strict}");
            assert!(
                !terms(&control, 10).may_cover_for_origin(false, NOW_MS + 10_000),
                "{strict}"
            );
        }
        assert_eq!(after(terms("no-cache", 10), 0), Reuse::Validate);
        assert_eq!(
            after(terms("s-maxage=10, stale-while-revalidate=5", 10), 12),
            Reuse::ServeStale
        );
    }

    #[test]
    fn a_client_may_want_it_fresher() {
        let stored = terms("", 10);
        let at = |control: &str, seconds: u64| {
            stored.reuse(&client(control), false, NOW_MS + seconds * 1000)
        };
        assert_eq!(at("no-cache", 0), Reuse::Reload);
        assert_eq!(at("max-age=0", 0), Reuse::Reload);
        assert_eq!(at("max-age=3", 3), Reuse::Serve);
        assert_eq!(at("max-age=3", 4), Reuse::Reload);
        assert_eq!(at("min-fresh=5", 5), Reuse::Serve);
        assert_eq!(at("min-fresh=6", 5), Reuse::Reload);
    }

    #[test]
    fn a_mark_makes_a_response_stale_before_its_time() {
        let marked = |control| terms(control, 10).reuse(&client(""), true, NOW_MS);
        assert_eq!(marked("stale-while-revalidate=5"), Reuse::ServeStale);
        assert_eq!(marked(""), Reuse::Validate);
    }

    #[test]
    fn what_nobody_said_about_errors_does_not_hold_for_shared_lifetimes() {
        let lenient = Choices {
            stale_if_error: 5,
            ..CHOICES
        };
        let covers = |control: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("cache-control", HeaderValue::from_static(control));
            let freshness = Freshness {
                received_ms: NOW_MS,
                initial_age: 0,
                lifetime: 10,
            };
            Terms::of(&lenient, &headers, freshness).may_cover_for_origin(false, NOW_MS + 12_000)
        };
        assert!(covers("max-age=10") && covers("s-maxage=10, stale-if-error=5"));
        assert!(!covers("s-maxage=10") && !covers("max-age=10, must-revalidate"));
    }

    #[test]
    fn a_failing_origin_is_covered_for_as_long_as_allowed() {
        let stored = terms("stale-if-error=5", 10);
        assert!(stored.may_cover_for_origin(false, NOW_MS));
        assert!(!terms("must-revalidate", 10).may_cover_for_origin(true, NOW_MS));
        assert!(stored.may_cover_for_origin(false, NOW_MS + 14_000));
        assert!(!stored.may_cover_for_origin(false, NOW_MS + 15_000));
    }
}
