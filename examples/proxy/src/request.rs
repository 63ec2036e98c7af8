//! What a request is for the cache and the origin alike.
//!
//! All that changes a request happens before it reaches the cache: what the cache tells pages apart by
//! must be what the origin answers to.

use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Method, Request, Version};

use crate::hop_by_hop;

/// A request without what its client meant for this connection, and with the host of its target. None
/// if there can be two opinions about its host (RFC 9112 §3.2), or if it is not for the origin: who
/// may name another host by `CONNECT` reaches whatever the proxy can.
pub(crate) fn normalized<B>(mut request: Request<B>) -> Option<Request<B>> {
    if request.method() == Method::CONNECT || request.uri().path_and_query().is_none() {
        return None;
    }
    let named = named_host(request.headers())?;
    if named.is_none() && request.version() >= Version::HTTP_11 {
        return None;
    }
    let host = request.uri().authority().cloned().or(named.clone());
    if [&host, &named].into_iter().flatten().any(has_user) {
        return None;
    }
    let headers = request.headers_mut();
    // The cache has to see whether there is content, and whether another protocol is wanted.
    hop_by_hop::strip(headers, &[CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE]);
    if let Some(host) = host {
        headers.insert(HOST, HeaderValue::from_str(host.as_str()).ok()?);
    }
    Some(request)
}

/// The host that the header fields name, if they do. None if there are several, or it is none.
fn named_host(headers: &HeaderMap) -> Option<Option<Authority>> {
    let mut lines = headers.get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Some(None),
        (Some(line), None) => Authority::try_from(line.as_bytes()).ok().map(Some),
        (Some(_), Some(_)) => None,
    }
}

fn has_user(host: &Authority) -> bool {
    host.as_str().contains('@')
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    fn sent(version: Version, target: &str, fields: &[(&str, &[u8])]) -> Option<HeaderMap> {
        let mut request = Request::get(target).version(version);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = normalized(request.body(()).expect("a request"));
        request.map(|request| request.headers().clone())
    }

    #[track_caller]
    fn check(target: &str, fields: &[(&str, &[u8])], expected: &[(&str, &str)]) {
        let headers = sent(Version::HTTP_11, target, fields).expect("it is accepted");
        let names = headers.iter().map(|(name, value)| {
            let value = value.to_str().expect("text");
            (name.as_str(), value)
        });
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn rfc_9112_3_2_a_host_in_doubt_is_refused() {
        let refused: [&[(&str, &[u8])]; 6] = [
            &[],
            &[("host", b"")],
            &[("host", b"site/products")],
            &[("host", b"\xe9vil")],
            &[("host", b"me@site")],
            &[("host", b"site"), ("host", b"evil")],
        ];
        for fields in refused {
            assert_eq!(sent(Version::HTTP_11, "/", fields), None, "{fields:?}");
        }
        for (target, host) in [("http://me@site/", "site"), ("http://site/", "me@site")] {
            let fields: &[(&str, &[u8])] = &[("host", host.as_bytes())];
            assert_eq!(sent(Version::HTTP_11, target, fields), None, "{target}");
        }
        assert!(sent(Version::HTTP_10, "/", &[]).is_some());
        let twice: &[(&str, &[u8])] = &[("host", b"site"), ("host", b"site")];
        assert_eq!(sent(Version::HTTP_10, "/", twice), None);
    }

    #[test]
    fn nobody_is_connected_to_another_host() {
        for (method, target) in [
            (Method::CONNECT, "elsewhere:80"),
            (Method::GET, "elsewhere:80"),
        ] {
            let request = Request::builder().method(method).uri(target);
            let request = request.header(HOST, "site").body(()).expect("a request");
            assert!(normalized(request).is_none());
        }
    }

    #[test]
    fn rfc_9112_3_2_2_the_host_is_that_of_the_target() {
        check("http://site/", &[("host", b"evil")], &[("host", "site")]);
    }

    #[test]
    fn rfc_9110_7_6_1_what_is_for_this_connection_ends_before_the_cache() {
        check(
            "/",
            &[
                ("host", b"site"),
                ("accept-language", b"de"),
                ("connection", b"accept-language, Host"),
            ],
            &[("host", "site")],
        );
    }

    #[test]
    fn the_cache_sees_that_there_is_content() {
        check(
            "/",
            &[
                ("host", b"site"),
                ("content-length", b"5"),
                ("transfer-encoding", b"chunked"),
                ("connection", b"content-length, transfer-encoding, upgrade"),
                ("upgrade", b"websocket"),
            ],
            &[
                ("host", "site"),
                ("content-length", "5"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "websocket"),
            ],
        );
    }
}
