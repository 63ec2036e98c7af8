//! Conditional requests: those that clients send, and those that the cache sends.

use http::{HeaderMap, HeaderValue, header};

use super::date::date;

/// Whether the client has what is stored already, so that `304 Not Modified` will do (RFC 9111
/// §4.3.2). `If-None-Match` takes precedence.
pub(crate) fn client_has(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        let lines = request
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let tag = stored
            .get(header::ETAG)
            .and_then(|value| value.to_str().ok());
        return lines
            .flat_map(entity_tags)
            .any(|wanted| wanted == "*" || tag.is_some_and(|tag| is_same(wanted, tag)));
    }
    let Some(since) = date(request, &header::IF_MODIFIED_SINCE) else {
        return false;
    };
    // Without `Last-Modified`, the time it was sent: it can't have changed after that.
    let modified = date(stored, &header::LAST_MODIFIED).or_else(|| date(stored, &header::DATE));
    modified.is_some_and(|modified| modified <= since)
}

/// Weak comparison (RFC 9110 §8.8.3.2).
fn is_same(a: &str, b: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    opaque(a) == opaque(b)
}

/// The members of a list of entity tags, in which commas may be quoted.
fn entity_tags(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    })
    .map(str::trim)
}

/// Makes a request ask whether what is stored has changed (RFC 9111 §4.3.1). The client's own
/// conditions give way: they are about what the client has.
pub(crate) fn make_conditional(request: &mut HeaderMap, stored: &HeaderMap) {
    for name in [
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_MATCH,
        header::IF_UNMODIFIED_SINCE,
        header::IF_RANGE,
        header::RANGE,
    ] {
        request.remove(name);
    }
    let mut copy = |from: header::HeaderName, to: header::HeaderName| {
        if let Some(value) = stored.get(from) {
            request.insert(to, value.clone());
        }
    };
    copy(header::ETAG, header::IF_NONE_MATCH);
    copy(header::LAST_MODIFIED, header::IF_MODIFIED_SINCE);
}

/// Removes what a client asks about what it has: the answer is to be stored, so it has to be whole.
pub(crate) fn make_unconditional(request: &mut HeaderMap) {
    request.remove(header::IF_NONE_MATCH);
    request.remove(header::IF_MODIFIED_SINCE);
}

/// Whether the answer to a `HEAD` is about what is stored (RFC 9111 §4.3.5).
pub(crate) fn describes(head: &HeaderMap, stored: &HeaderMap) -> bool {
    [header::ETAG, header::LAST_MODIFIED, header::CONTENT_LENGTH]
        .iter()
        .all(|name| head.get(name).is_none() || head.get(name) == stored.get(name))
}

/// Whether a `304` is about what is stored (RFC 9111 §4.3.4). One without a validator answers what it
/// was asked.
pub(crate) fn confirms(not_modified: &HeaderMap, stored: &HeaderMap) -> bool {
    fn tag(headers: &HeaderMap) -> Option<&str> {
        headers.get(header::ETAG)?.to_str().ok()
    }
    if let Some(confirmed) = tag(not_modified) {
        return tag(stored).is_some_and(|tag| is_same(tag, confirmed));
    }
    let modified = not_modified.get(header::LAST_MODIFIED);
    modified.is_none() || modified == stored.get(header::LAST_MODIFIED)
}

/// Takes over what a `304` says (RFC 9111 §3.2, §4.3.4): all its fields, but for those that describe
/// the body, which is the stored one.
pub(crate) fn freshen(stored: &mut HeaderMap, not_modified: &HeaderMap) {
    let about_the_body = |name: &header::HeaderName| {
        [
            header::CONTENT_LENGTH,
            header::CONTENT_ENCODING,
            header::CONTENT_TYPE,
            header::CONTENT_RANGE,
        ]
        .contains(name)
    };
    for name in not_modified.keys().filter(|name| !about_the_body(name)) {
        stored.remove(name);
        for value in not_modified.get_all(name) {
            stored.append(name.clone(), HeaderValue::clone(value));
        }
    }
    // The age that was stored belongs to the old response.
    if !not_modified.contains_key(header::AGE) {
        stored.remove(header::AGE);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn entity_tags_are_compared_weakly_and_one_by_one() {
        let stored = headers(&[("etag", "W/\"a,b\"")]);
        let has = |tags: &str| client_has(&headers(&[("if-none-match", tags)]), &stored);
        assert!(has("\"a,b\"") && has("W/\"a,b\"") && has("\"x\", \"a,b\", \"y\"") && has("*"));
        assert!(!has("\"a\"") && !has("a,b") && !has("\"A,B\""));
    }

    #[test]
    fn entity_tags_go_before_dates() {
        const DATE: &str = "Thu, 18 Aug 2050 02:01:40 GMT";
        let stored = headers(&[("etag", "\"a\""), ("last-modified", DATE)]);
        assert!(client_has(
            &headers(&[("if-modified-since", DATE)]),
            &stored
        ));
        assert!(!client_has(
            &headers(&[("if-modified-since", DATE), ("if-none-match", "\"b\"")]),
            &stored
        ));
    }

    #[test]
    fn an_answer_to_head_describes_what_agrees_with_it() {
        let stored = headers(&[("etag", "\"a\""), ("content-length", "5")]);
        assert!(describes(&headers(&[]), &stored));
        assert!(describes(&headers(&[("etag", "\"a\"")]), &stored));
        assert!(!describes(&headers(&[("content-length", "6")]), &stored));
        assert!(!describes(&headers(&[("last-modified", "x")]), &stored));
    }

    #[test]
    fn a_304_is_about_what_has_the_same_validator() {
        let stored = headers(&[("etag", "\"a\""), ("last-modified", "x")]);
        for same in [
            &[][..],
            &[("etag", "\"a\"")],
            &[("etag", "W/\"a\""), ("last-modified", "y")],
            &[("last-modified", "x")],
        ] {
            assert!(confirms(&headers(same), &stored), "{same:?}");
        }
        for other in [("etag", "\"b\""), ("last-modified", "y")] {
            assert!(!confirms(&headers(&[other]), &stored), "{other:?}");
        }
    }

    #[test]
    fn a_304_updates_all_but_the_description_of_the_body() {
        let mut stored = headers(&[
            ("a", "1"),
            ("b", "1"),
            ("content-length", "5"),
            ("age", "7"),
        ]);
        freshen(
            &mut stored,
            &headers(&[("b", "2"), ("content-length", "0")]),
        );
        assert_eq!(
            stored,
            headers(&[("a", "1"), ("b", "2"), ("content-length", "5")])
        );
    }
}
