//! Under which keys responses are stored.

use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri, header, request::Parts};
use sha2::{Digest, Sha256};

use super::rules::vary::selecting_fields;
use crate::key::push_hexadecimal;

/// Keys up to this length can be read by people; longer ones are digests.
const LONGEST: usize = 200;

/// The key of a resource: the same for all methods and all fields. None if it is not beyond doubt which
/// resource a request is for.
pub(crate) fn of_request(request: &Parts) -> Option<String> {
    let uri = original_uri(request);
    name(&host(uri, &request.headers)?, uri)
}

/// The key of another resource of the same origin, as a field of a response names it. None if it is
/// elsewhere.
pub(crate) fn of_reference(request: &Parts, reference: &str) -> Option<String> {
    let base = original_uri(request);
    let uri: Uri = if is_relative_path(reference) {
        beside(base.path(), reference).parse().ok()?
    } else {
        reference.parse().ok()?
    };
    let own = host(base, &request.headers)?;
    if uri
        .authority()
        .is_some_and(|authority| !own.eq_ignore_ascii_case(authority.as_str()))
    {
        return None;
    }
    name(&own, &uri)
}

/// Whether a reference is to be taken from where the request was sent to: `other`, `../other`, `?page=2`.
fn is_relative_path(reference: &str) -> bool {
    let first = reference.split(['/', '?', '#']).next().unwrap_or_default();
    !reference.starts_with('/') && !first.contains(':')
}

/// Resolves a relative path (RFC 3986 §5.2).
fn beside(base: &str, reference: &str) -> String {
    let end = reference.find(['?', '#']).unwrap_or(reference.len());
    let (path, rest) = reference.split_at(end);
    if path.is_empty() {
        return format!("{base}{rest}");
    }
    let mut segments: Vec<&str> = base.split('/').skip(1).collect();
    segments.pop();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    if path.ends_with("/.") || path.ends_with("..") || path == "." {
        segments.push("");
    }
    format!("/{}{rest}", segments.join("/"))
}

/// In braces, so that a cluster keeps all variants of a resource together: an invalidation comes before
/// or after whatever is done about one of them. No host has a slash and all paths begin with one, so
/// they can't run into each other.
fn name(host: &str, uri: &Uri) -> Option<String> {
    let path = uri.path();
    if !path.starts_with('/') {
        return None;
    }
    let mut address = format!("{host}{path}");
    if let Some(query) = uri.query() {
        address.extend(["?", query]);
    }
    if address.len() > LONGEST {
        address = digest(address.as_bytes());
    }
    Some(format!("http:{{{address}}}"))
}

/// The key of the variant of a resource that this request selects.
pub(crate) fn of_variant(resource: &str, names: &[HeaderName], request: &HeaderMap) -> String {
    format!("{resource}#{}", digest(&selecting_fields(names, request)))
}

/// The tag of all that is stored for a resource.
pub(crate) fn resource_tag(resource: &str) -> String {
    format!("uri:{resource}")
}

/// The host of a request, or nothing if it names none. None if there can be two opinions about it: the
/// origin might answer for another host than the key says.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(header::HOST).iter();
    let named = match (lines.next(), lines.next()) {
        (_, Some(_)) => return None,
        (line, None) => line.map(|line| Authority::try_from(line.as_bytes())),
    };
    let named = named.transpose().ok()?;
    let host = match (uri.authority(), &named) {
        (Some(target), Some(named)) if target != named => return None,
        (target, named) => target.or(named.as_ref()),
    };
    let host = host.map_or("", Authority::as_str);
    let has_user = host.contains('@');
    (!has_user).then(|| host.to_ascii_lowercase())
}

/// The address that the client has asked for. A router may have cut off what led to this service, and
/// then two of them would share their keys.
fn original_uri(request: &Parts) -> &Uri {
    #[cfg(feature = "axum")]
    if let Some(original) = request.extensions.get::<axum::extract::OriginalUri>() {
        return &original.0;
    }
    &request.uri
}

/// Collision resistant: who can choose addresses must not be able to choose whose response he gets.
fn digest(text: &[u8]) -> String {
    let mut hexadecimal = String::with_capacity(64);
    push_hexadecimal(&mut hexadecimal, &Sha256::digest(text));
    hexadecimal
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn request(uri: &str, host: &str) -> Parts {
        http::Request::get(uri)
            .header("host", host)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    fn key(uri: &str, host: &str) -> Option<String> {
        of_request(&request(uri, host))
    }

    #[test]
    fn host_path_and_query_make_a_key() {
        let readable = Some("http:{example.com/a?b=1}".to_owned());
        assert_eq!(key("/a?b=1", "Example.com"), readable);
        assert_eq!(key("http://EXAMPLE.com/a?b=1", "example.com"), readable);
        assert_eq!(key("http://h?a", "h").unwrap(), "http:{h/?a}");
        assert_ne!(key("/a?", "h"), key("/a", "h"));
        let long = key(&format!("/{}", "x".repeat(300)), "h").unwrap();
        assert_eq!(long.len(), "http:{}".len() + 64);
        let longer = key(&format!("/{}", "x".repeat(301)), "h").unwrap();
        assert_ne!(long, longer);
    }

    #[test]
    fn without_a_host_beyond_doubt_there_is_no_key() {
        for host in ["", "h/a", "h?a", "h#a", "h a", "me@h", "\u{e9}"] {
            assert_eq!(key("/", host), None, "{host}");
        }
        assert_eq!(key("http://other/a", "h"), None);
        assert_eq!(key("http://me@h/a", "me@h"), None);
        assert_eq!(key("*", "h"), None);
        let mut twice = request("/", "h");
        twice.headers.append("host", "h".parse().unwrap());
        assert_eq!(of_request(&twice), None);
        twice.headers.remove("host");
        assert_eq!(of_request(&twice).as_deref(), Some("http:{/}"));
    }

    #[test]
    fn references_lead_no_further_than_the_origin() {
        let request = request("/a", "example.com");
        assert_eq!(
            of_reference(&request, "/b").as_deref(),
            Some("http:{example.com/b}")
        );
        assert_eq!(
            of_reference(&request, "http://EXAMPLE.com/b").as_deref(),
            Some("http:{example.com/b}")
        );
        assert_eq!(of_reference(&request, "http://other/b"), None);
    }

    #[test]
    fn references_may_be_relative() {
        for (reference, path) in [
            ("d", "/a/b/d"),
            ("./d?x=1", "/a/b/d?x=1"),
            ("../d/", "/a/d/"),
            ("../../../d", "/d"),
            ("..", "/a/"),
            (".", "/a/b/"),
            ("?x=1", "/a/b/c?x=1"),
            ("d#part", "/a/b/d"),
        ] {
            let found = of_reference(&request("/a/b/c?y=2", "h"), reference);
            assert_eq!(found, Some(format!("http:{{h{path}}}")), "{reference}");
        }
    }
}
