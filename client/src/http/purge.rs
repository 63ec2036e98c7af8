//! Invalidation: after a change, and by request.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::answer::{empty, tags_of};
use super::body::CacheBody;
use super::key;
use super::layer::Shared;
use super::owed;
use super::status::{Forward, Report};

/// Whether a request is one to purge, and there is somebody to decide about it.
pub(crate) fn is_meant(shared: &Shared, request: &Parts) -> bool {
    request.method.as_str() == "PURGE" && shared.guard.is_some()
}

/// Invalidates by the tags that are given, or else by address.
pub(crate) async fn answer(shared: &Shared, request: &Parts) -> Response<CacheBody> {
    let report = Report::forwarded(Forward::Method);
    if !shared.guard.as_ref().is_some_and(|guard| guard(request)) {
        return empty(shared, StatusCode::FORBIDDEN, report);
    }
    let mut tags = tags_of(shared, &request.headers);
    if tags.is_empty() {
        let Some(resource) = key::of_request(request) else {
            return empty(shared, StatusCode::BAD_REQUEST, report);
        };
        tags.push(key::resource_tag(&resource));
    }
    let is_soft = request
        .headers
        .get("purge")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"soft"));
    let done = if is_soft {
        shared.cache.mark_stale(&tags).await
    } else {
        shared.cache.invalidate(&tags).await
    };
    match done {
        Ok(done) => told(shared, done.entries),
        Err(error) => {
            tracing::warn!(%error, "could not purge");
            empty(shared, StatusCode::SERVICE_UNAVAILABLE, report)
        }
    }
}

fn told(shared: &Shared, entries: u64) -> Response<CacheBody> {
    let mut response = empty(shared, StatusCode::OK, Report::forwarded(Forward::Method));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    *response.body_mut() = CacheBody::whole(format!("{{\"purged\":{entries}}}").into());
    response
}

/// Invalidates what a successful request with an unsafe method has changed: what it was sent to, and
/// what the response says has changed with it (RFC 9111 §4.4).
pub(crate) async fn after_change(shared: &Shared, request: &Parts, response: &HeaderMap) {
    let Some(changed) = key::of_request(request) else {
        return;
    };
    let mut resources = vec![changed];
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        let reference = response.get(name).and_then(|value| value.to_str().ok());
        resources.extend(reference.and_then(|reference| key::of_reference(request, reference)));
    }
    let tags: Vec<String> = resources
        .iter()
        .map(|resource| key::resource_tag(resource))
        .collect();
    if let Err(error) = shared.cache.invalidate(&tags).await {
        tracing::warn!(%error, "could not invalidate what a request has changed, and will try again");
        owed::invalidate_later(shared, tags);
    }
}
