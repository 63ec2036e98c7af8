//! Which requests a response is an answer to.

use http::{HeaderMap, HeaderName, header};

/// What `Vary` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Vary {
    /// All requests for the same URI.
    No,
    /// Those that agree in these fields (in order, each once).
    By(Vec<HeaderName>),
    /// Nobody can tell.
    Star,
}

impl Vary {
    pub(crate) fn of(response: &HeaderMap) -> Self {
        let mut names = Vec::new();
        for value in response.get_all(header::VARY) {
            // What can't be read may mean anything.
            let Ok(line) = value.to_str() else {
                return Self::Star;
            };
            for member in line
                .split(',')
                .map(str::trim)
                .filter(|member| !member.is_empty())
            {
                match HeaderName::try_from(member) {
                    Ok(name) if member != "*" => names.push(name),
                    _ => return Self::Star,
                }
            }
        }
        if names.is_empty() {
            Self::No
        } else {
            Self::By(in_order(names))
        }
    }

    /// The fields of both lists.
    pub(crate) fn together(names: &[HeaderName], others: &[HeaderName]) -> Vec<HeaderName> {
        in_order(names.iter().chain(others).cloned().collect())
    }
}

fn in_order(mut names: Vec<HeaderName>) -> Vec<HeaderName> {
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    names
}

/// What a request has in these fields, the same for requests that mean the same (RFC 9111 §4.1). No
/// field has a line break, so they can't run into each other.
pub(crate) fn selecting_fields(names: &[HeaderName], request: &HeaderMap) -> Vec<u8> {
    let mut selecting = Vec::new();
    for name in names {
        selecting.extend_from_slice(name.as_str().as_bytes());
        // A field that is missing is not the same as one that is empty.
        let is_there = request.contains_key(name);
        selecting.push(if is_there { b':' } else { b'-' });
        selecting.extend(normalized(name, request));
        selecting.push(b'\n');
    }
    selecting
}

/// Lines combined, and levelled as far as the syntax of the field is known: in a cookie, say, an empty
/// member or a space between two of them may mean something.
fn normalized(name: &HeaderName, request: &HeaderMap) -> Vec<u8> {
    let lines = request.get_all(name).iter();
    let lines: Vec<&[u8]> = lines.map(|line| line.as_bytes().trim_ascii()).collect();
    let combined = lines.join(&b", "[..]);
    // Commas and spaces that are quoted separate nothing.
    let is_quoted = combined.contains(&b'"');
    match *name {
        header::ACCEPT if !is_quoted => members(&combined).join(&b','),
        header::ACCEPT_LANGUAGE | header::ACCEPT_ENCODING | header::ACCEPT_CHARSET
            if !is_quoted =>
        {
            in_any_order(members(&combined.to_ascii_lowercase()))
        }
        _ => combined,
    }
}

/// The members of a list, of which the empty ones mean nothing (RFC 9110 §5.6.1.2).
fn members(list: &[u8]) -> Vec<Vec<u8>> {
    list.split(|byte| *byte == b',')
        .map(without_space)
        .filter(|member| !member.is_empty())
        .collect()
}

fn in_any_order(mut members: Vec<Vec<u8>>) -> Vec<u8> {
    members.sort();
    members.dedup();
    members.join(&b',')
}

/// `en ; q = 0.5` is `en;q=0.5`, but words that belong together are left apart.
fn without_space(member: &[u8]) -> Vec<u8> {
    let parts = member.split(|byte| *byte == b';').map(|part| {
        let sides = part.splitn(2, |byte| *byte == b'=');
        sides
            .map(<[u8]>::trim_ascii)
            .collect::<Vec<_>>()
            .join(&b'=')
    });
    parts.collect::<Vec<_>>().join(&b';')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_star_anywhere_is_a_star() {
        for lines in [
            vec!["*"],
            vec!["*, *"],
            vec!["", "*"],
            vec![", *"],
            vec!["Foo, *"],
            vec!["*, Foo"],
        ] {
            let fields: Vec<_> = lines.iter().map(|line| ("vary", *line)).collect();
            assert_eq!(Vary::of(&headers(&fields)), Vary::Star, "{lines:?}");
        }
    }

    #[test]
    fn names_are_put_in_order() {
        let vary = Vary::of(&headers(&[("vary", "Foo, bar"), ("vary", "foo")]));
        assert_eq!(
            vary,
            Vary::By(vec!["bar".parse().unwrap(), "foo".parse().unwrap()])
        );
        assert_eq!(Vary::of(&headers(&[("vary", " , ")])), Vary::No);
    }

    fn same(name: &str, a: &[&[u8]], b: &[&[u8]]) -> bool {
        let select = |lines: &[&[u8]]| {
            let name: HeaderName = name.parse().unwrap();
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(name.clone(), HeaderValue::from_bytes(line).unwrap());
            }
            selecting_fields(&[name], &headers)
        };
        select(a) == select(b)
    }

    #[test]
    fn requests_that_mean_the_same_select_the_same() {
        assert!(same("foo", &[b"1, 2"], &[b"1", b"2"]));
        assert!(same("foo", &[b" 1, 2\t"], &[b"1, 2"]));
        for name in ["accept-language", "accept-encoding", "accept-charset"] {
            assert!(same(name, &[b"en, DE;q=0.5"], &[b"de ; q = 0.5,,en"]));
        }
        assert!(same("accept", &[b"a/b , c/d; q=1"], &[b"a/b,c/d;q=1"]));
    }

    #[test]
    fn requests_that_may_mean_something_else_select_something_else() {
        assert!(!same("foo", &[b"1, 2"], &[b"2, 1"]));
        assert!(!same("foo", &[b"a b"], &[b"ab"]));
        assert!(!same("foo", &[b""], &[]));
        assert!(!same("foo", &[b"\xe9"], &[b"\xe8"]));
        assert!(!same("cookie", &[b"cart=1,,2"], &[b"cart=1,2"]));
        assert!(!same("cookie", &[b"a=1 ; b=2"], &[b"a=1;b=2"]));
        assert!(!same("foo", &[br#""a , b""#], &[br#""a,b""#]));
        assert!(!same("accept", &[b"a/b, c/d"], &[b"c/d, a/b"]));
        assert!(!same(
            "accept",
            &[br#"a/b;c="d ; e""#],
            &[br#"a/b;c="d;e""#]
        ));
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let names = ["a", "b"].map(HeaderName::from_static);
        let select = |fields: &[_]| selecting_fields(&names, &headers(fields));
        assert_ne!(
            select(&[("a", "x"), ("b", "yb-")]),
            select(&[("a", "xb:y")])
        );
        assert!(HeaderValue::from_bytes(b"x\nb:y").is_err());
    }
}
