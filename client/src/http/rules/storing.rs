//! What may be stored, and which fields of it.

use http::{HeaderMap, HeaderName, StatusCode, header};

use super::directives::Directives;
use super::freshness::{explicit_lifetime, heuristic_lifetime, is_heuristically_cacheable};
use super::vary::Vary;

/// What the one who puts the cache to use has decided where the RFCs leave a choice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    /// The lifetime, in seconds, of responses that say nothing.
    pub(crate) default_lifetime: Option<u64>,
    /// Whether a lifetime may be guessed from `Last-Modified`.
    pub(crate) heuristics: bool,
    /// Whether a response that sets a cookie may be given to others.
    pub(crate) share_cookies: bool,
    /// For how long a stale response may be served when the origin fails, in seconds, if the response
    /// says nothing.
    pub(crate) stale_if_error: u64,
}

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not for everybody, or nothing can be done with it: with the next one it will be the same.
    Response,
    /// It answers a request that is not like others: with the next one it may be different. So it says
    /// nothing about what others get.
    Request,
}

/// How long a response to a `GET` is fresh once it is stored, in seconds, unless it must not be stored
/// or nothing can be done with it (RFC 9111 §3).
pub(crate) fn lifetime_if_storable(
    choices: &Choices,
    request: &HeaderMap,
    status: StatusCode,
    response: &HeaderMap,
    received_ms: u64,
) -> Result<u64, Refusal> {
    let refusal = if is_about_one_client(request, status) {
        Refusal::Request
    } else {
        Refusal::Response
    };
    let directives = Directives::of_response(response);
    let said = explicit_lifetime(response, &directives, received_ms);
    if answers_a_condition(status)
        || !response_allows(status, response, &directives)
        || !cookies_allow(choices, response, said)
    {
        return Err(refusal);
    }
    let lifetime = said
        .or_else(|| unsaid_lifetime(choices, status, response, &directives, received_ms))
        .filter(|lifetime| *lifetime > 0 || is_of_use(response, &directives))
        .ok_or(refusal)?;
    if request_allows(request, &directives, said.is_some()) {
        Ok(lifetime)
    } else {
        Err(Refusal::Request)
    }
}

/// Whether a response that is not stored may be the fault of the one who asked: of credentials, or of
/// what else the origin did not like. That a page is gone it tells everybody.
fn is_about_one_client(request: &HeaderMap, status: StatusCode) -> bool {
    let is_gone = matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE);
    request.contains_key(header::AUTHORIZATION)
        || answers_a_condition(status)
        || (status.is_client_error() && !is_gone)
}

/// Parts, and what is about the conditions of one request.
fn answers_a_condition(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::PARTIAL_CONTENT
            | StatusCode::NOT_MODIFIED
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::RANGE_NOT_SATISFIABLE
    )
}

/// A cookie is for others only with a lifetime that was said: where none was, it is somebody's session.
fn cookies_allow(choices: &Choices, response: &HeaderMap, said: Option<u64>) -> bool {
    !response.contains_key(header::SET_COOKIE) || (choices.share_cookies && said > Some(0))
}

/// The lifetime of a response that says nothing.
fn unsaid_lifetime(
    choices: &Choices,
    status: StatusCode,
    response: &HeaderMap,
    directives: &Directives,
    received_ms: u64,
) -> Option<u64> {
    let allowed = is_heuristically_cacheable(status);
    let guess = || {
        heuristic_lifetime(status, response, directives, received_ms).filter(|_| choices.heuristics)
    };
    let default = || choices.default_lifetime.filter(|_| allowed);
    // Without a lifetime it may still be asked whether it has changed.
    let confirmable = || (allowed && has_validator(response)).then_some(0);
    guess().or_else(default).or_else(confirmable)
}

fn response_allows(status: StatusCode, response: &HeaderMap, directives: &Directives) -> bool {
    if status.is_informational()
        || directives.has_plain("private")
        || Vary::of(response) == Vary::Star
    {
        return false;
    }
    // `must-understand` takes precedence over `no-store` where the status is understood (§5.2.2.3).
    if directives.has("must-understand") {
        return is_understood(status);
    }
    !directives.has("no-store")
}

/// A response to a request with cookies is for others only if it says how long it may be kept.
fn request_allows(request: &HeaderMap, directives: &Directives, is_explicit: bool) -> bool {
    !Directives::of_request(request).has("no-store")
        && credentials_allow(request, directives)
        && (is_explicit || !request.contains_key(header::COOKIE))
}

/// A response to a request with credentials is for others only if it says so (§3.5).
fn credentials_allow(request: &HeaderMap, directives: &Directives) -> bool {
    !request.contains_key(header::AUTHORIZATION)
        || ["public", "must-revalidate", "s-maxage"]
            .iter()
            .any(|name| directives.has(name))
}

fn is_understood(status: StatusCode) -> bool {
    status.canonical_reason().is_some()
}

pub(crate) fn has_validator(response: &HeaderMap) -> bool {
    response.contains_key(header::ETAG) || response.contains_key(header::LAST_MODIFIED)
}

/// Whether a response that is stale from the beginning can be used.
fn is_of_use(response: &HeaderMap, directives: &Directives) -> bool {
    has_validator(response)
        || directives.seconds("stale-while-revalidate") > Some(0)
        || directives.seconds("stale-if-error") > Some(0)
}

/// Removes what is for one connection only (RFC 9111 §3.1), and fields that only the client who asked
/// may see.
pub(crate) fn strip_for_storing(headers: &mut HeaderMap) {
    let directives = Directives::of_response(headers);
    let hidden: Vec<HeaderName> = directives
        .fields("no-cache")
        .chain(directives.fields("private"))
        .collect();
    hidden.iter().for_each(|name| drop(headers.remove(name)));
    strip_hop_by_hop(headers);
}

/// Removes fields that are for one connection only (RFC 9110 §7.6.1).
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let lines = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> = lines
        .flat_map(|line| line.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    named.iter().for_each(|name| drop(headers.remove(name)));
    for name in [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    ] {
        headers.remove(name);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const CAREFUL: Choices = Choices {
        default_lifetime: None,
        heuristics: false,
        share_cookies: false,
        stale_if_error: 0,
    };

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn storable(
        choices: &Choices,
        request: &[(&'static str, &str)],
        status: u16,
        response: &[(&'static str, &str)],
    ) -> Result<u64, Refusal> {
        let status = StatusCode::from_u16(status).unwrap();
        lifetime_if_storable(
            choices,
            &headers(request),
            status,
            &headers(response),
            NOW_MS,
        )
    }

    fn kept(response: &[(&'static str, &str)]) -> Result<u64, Refusal> {
        storable(&CAREFUL, &[], 200, response)
    }

    #[test]
    fn what_is_not_for_everybody_is_not_stored() {
        let minute = ("cache-control", "max-age=60");
        assert_eq!(kept(&[minute]), Ok(60));
        for forbidding in [
            ("cache-control", "private"),
            ("cache-control", "private=\"\""),
            ("cache-control", "no-store"),
            ("set-cookie", "a=1"),
            ("vary", "*"),
        ] {
            assert_eq!(
                kept(&[minute, forbidding]),
                Err(Refusal::Response),
                "{forbidding:?}"
            );
        }
        assert_eq!(kept(&[minute, ("cache-control", "private=\"a\"")]), Ok(60));
    }

    #[test]
    fn a_cookie_is_shared_only_with_a_lifetime_that_was_said() {
        let sharing = Choices {
            default_lifetime: Some(9),
            heuristics: true,
            share_cookies: true,
            ..CAREFUL
        };
        let with = |field| storable(&sharing, &[], 200, &[field, ("set-cookie", "a=1")]);
        assert_eq!(with(("cache-control", "max-age=60")), Ok(60));
        for unsaid in [
            ("last-modified", "Thu, 18 Aug 2005 02:01:40 GMT"),
            ("etag", "\"a\""),
            ("cache-control", "max-age=0, stale-if-error=60"),
            ("other", ""),
        ] {
            assert_eq!(with(unsaid), Err(Refusal::Response), "{unsaid:?}");
        }
    }

    #[test]
    fn one_clients_refusal_says_nothing_about_others() {
        let refused = |request, status| storable(&CAREFUL, request, status, &[]).unwrap_err();
        let as_user: &[_] = &[("authorization", "a")];
        for status in [200, 302, 401, 404, 500] {
            assert_eq!(refused(as_user, status), Refusal::Request, "{status}");
        }
        for status in [400, 401, 403, 429] {
            assert_eq!(refused(&[], status), Refusal::Request, "{status}");
        }
        for status in [200, 302, 404, 410, 500] {
            assert_eq!(refused(&[], status), Refusal::Response, "{status}");
        }
    }

    #[test]
    fn credentials_need_a_permission() {
        let with = |control| {
            storable(
                &CAREFUL,
                &[("authorization", "a")],
                200,
                &[("cache-control", control)],
            )
        };
        assert_eq!(with("max-age=60"), Err(Refusal::Request));
        assert_eq!(with("max-age=60, public"), Ok(60));
        assert_eq!(with("max-age=60, must-revalidate"), Ok(60));
        assert_eq!(with("s-maxage=60"), Ok(60));
    }

    #[test]
    fn cookies_need_a_lifetime_that_was_said() {
        let lenient = Choices {
            default_lifetime: Some(9),
            ..CAREFUL
        };
        let with = |response| storable(&lenient, &[("cookie", "a=1")], 200, response);
        assert_eq!(with(&[]), Err(Refusal::Request));
        assert_eq!(with(&[("etag", "\"a\"")]), Err(Refusal::Request));
        assert_eq!(with(&[("cache-control", "max-age=60")]), Ok(60));
        assert_eq!(storable(&lenient, &[], 200, &[]), Ok(9));
        assert_eq!(storable(&lenient, &[], 500, &[]), Err(Refusal::Response));
    }

    #[test]
    fn answers_to_a_part_or_a_condition_are_not_stored() {
        for status in [206, 304, 412, 416] {
            let answer = storable(&CAREFUL, &[], status, &[("cache-control", "max-age=60")]);
            assert_eq!(answer, Err(Refusal::Request), "{status}");
        }
    }

    #[test]
    fn what_is_stale_at_once_is_stored_if_it_can_be_confirmed() {
        assert_eq!(
            kept(&[("cache-control", "no-cache")]),
            Err(Refusal::Response)
        );
        assert_eq!(
            kept(&[("cache-control", "no-cache"), ("etag", "\"a\"")]),
            Ok(0)
        );
        assert_eq!(
            kept(&[("cache-control", "max-age=0, stale-if-error=5")]),
            Ok(0)
        );
        assert_eq!(kept(&[]), Err(Refusal::Response));
    }

    #[test]
    fn what_must_be_understood_may_be_stored_if_it_is() {
        let control = [("cache-control", "must-understand, no-store, max-age=60")];
        assert_eq!(storable(&CAREFUL, &[], 200, &control), Ok(60));
        assert_eq!(
            storable(&CAREFUL, &[], 299, &control),
            Err(Refusal::Response)
        );
    }
}
