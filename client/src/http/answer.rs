//! Responses out of the cache, and through it.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, response};
use http_body::Body;

use super::body::{BoxError, CacheBody};
use super::find::now_ms;
use super::layer::Shared;
use super::rules::range::{self, Part};
use super::rules::validation::client_has;
use super::status::Report;
use super::stored;

/// Answers from what is stored: `304` if the client has it, a part if that is what it wants.
pub(crate) fn served(
    shared: &Shared,
    request: &Parts,
    stored: stored::Response,
    report: Report,
) -> Response<CacheBody> {
    let mut response = Response::new(CacheBody::default());
    *response.status_mut() = stored.status;
    let mut headers = stored.headers;
    if stored.status.is_success() && client_has(&request.headers, &headers) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        headers.remove(header::CONTENT_LENGTH);
    } else if request.method == Method::GET {
        *response.body_mut() = body_for(request, stored.body, response.status_mut(), &mut headers);
    } else {
        // Else a router might take the length of what is sent, which is nothing.
        let length = HeaderValue::from(stored.body.len());
        headers.entry(header::CONTENT_LENGTH).or_insert(length);
    }
    let age = stored.terms.freshness.age(now_ms());
    headers.insert(header::AGE, HeaderValue::from(age));
    strip_tags(shared, &mut headers);
    report.add_to(&mut headers, &shared.name);
    *response.headers_mut() = headers;
    response
}

fn body_for(
    request: &Parts,
    body: Bytes,
    status: &mut StatusCode,
    headers: &mut HeaderMap,
) -> CacheBody {
    let length = body.len();
    let part = match *status {
        StatusCode::OK => range::part(&request.headers, headers, length),
        _ => Part::All,
    };
    let (range, body) = match part {
        Part::All => return CacheBody::whole(body),
        Part::Bytes(bytes) => {
            *status = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {}-{}/{length}", bytes.start, bytes.end - 1);
            (range, body.slice(bytes))
        }
        Part::Unsatisfiable => {
            *status = StatusCode::RANGE_NOT_SATISFIABLE;
            (format!("bytes */{length}"), Bytes::new())
        }
    };
    let range = HeaderValue::try_from(range).ok();
    headers.extend(range.map(|range| (header::CONTENT_RANGE, range)));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    CacheBody::whole(body)
}

/// Hands on what the origin has answered.
pub(crate) fn passed<R>(
    shared: &Shared,
    response: Response<R>,
    report: Report,
) -> Response<CacheBody>
where
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let (head, body) = response.into_parts();
    handed_on(shared, head, CacheBody::through(body), report)
}

/// Hands on the head of the origin's answer, with this body.
pub(crate) fn handed_on(
    shared: &Shared,
    mut head: response::Parts,
    body: CacheBody,
    report: Report,
) -> Response<CacheBody> {
    strip_tags(shared, &mut head.headers);
    let report = Report {
        forward_status: report.forward_status.or(Some(head.status)),
        ..report
    };
    report.add_to(&mut head.headers, &shared.name);
    Response::from_parts(head, body)
}

/// Spares a client what it has, who was not allowed to ask the origin about it.
pub(crate) fn unless_client_has(
    request: &HeaderMap,
    mut response: Response<CacheBody>,
) -> Response<CacheBody> {
    if response.status() == StatusCode::OK && client_has(request, response.headers()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = CacheBody::default();
    }
    response
}

/// An answer of the cache's own.
pub(crate) fn empty(shared: &Shared, status: StatusCode, report: Report) -> Response<CacheBody> {
    let mut response = Response::new(CacheBody::default());
    *response.status_mut() = status;
    report.add_to(response.headers_mut(), &shared.name);
    response
}

/// The tags in the fields that are for them.
pub(crate) fn tags_of(shared: &Shared, headers: &HeaderMap) -> Vec<String> {
    let lines = shared
        .tag_headers
        .iter()
        .flat_map(|name| headers.get_all(name))
        .filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split([' ', ',', '\t']))
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Tags are stored with a response, so that one which is confirmed keeps them; they are not for clients.
fn strip_tags(shared: &Shared, headers: &mut HeaderMap) {
    for name in &shared.tag_headers {
        headers.remove(name);
    }
}
