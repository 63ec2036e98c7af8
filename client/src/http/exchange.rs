//! What becomes of a request, from beginning to end.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version, header};
use http_body::Body;
use tower_service::Service;
use tracing::Instrument;

use super::answer::{empty, passed, served};
use super::body::{BoxError, CacheBody};
use super::fetch::Fetch;
use super::find::{Found, Kept, Manner, Search};
use super::layer::Shared;
use super::rules::directives::Directives;
use super::status::{Forward, Report};
use super::{key, owed, purge};
use crate::aio::task::joined;
use crate::stats::Event;

pub(crate) async fn handle<S, B, R>(
    shared: Arc<Shared>,
    inner: S,
    request: Request<B>,
) -> Result<Response<CacheBody>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    B: Body + Default + Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let (request, body) = request.into_parts();
    if purge::is_meant(&shared, &request) {
        return Ok(Box::pin(purge::answer(&shared, &request)).await);
    }
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    if is_read
        && !is_beyond_caching(&request, &body)
        && let Some(resource) = key::of_request(&request)
    {
        return looked_up(shared, inner, resource, request, body).await;
    }
    let is_safe = is_read || matches!(request.method, Method::OPTIONS | Method::TRACE);
    if !is_safe {
        return Box::pin(detached(changed(shared, inner, request, body))).await;
    }
    let why = if is_read {
        Forward::Bypass
    } else {
        Forward::Method
    };
    forwarded(&shared, inner, request, body, why).await
}

/// What has nothing to do with the cache.
async fn forwarded<S, B, R>(
    shared: &Shared,
    mut inner: S,
    request: Parts,
    body: B,
    why: Forward,
) -> Result<Response<CacheBody>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let response = inner.call(Request::from_parts(request, body)).await?;
    Ok(passed(shared, response, Report::forwarded(why)))
}

/// A request that may change something at the origin, and the invalidation of what it has changed.
async fn changed<S, B, R>(
    shared: Arc<Shared>,
    mut inner: S,
    request: Parts,
    body: B,
) -> Result<Response<CacheBody>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let forwarded = Request::from_parts(request.clone(), body);
    let (head, body) = inner.call(forwarded).await?.into_parts();
    if head.status.is_success() || head.status.is_redirection() {
        purge::after_change(&shared, &request, &head.headers).await;
    }
    let response = Response::from_parts(head, body);
    Ok(passed(
        &shared,
        response,
        Report::forwarded(Forward::Method),
    ))
}

/// Whether a request may mean something by its content, which is not part of any key, or wants another
/// protocol.
fn is_beyond_caching<B: Body>(request: &Parts, body: &B) -> bool {
    let headers = &request.headers;
    let length = headers.get(header::CONTENT_LENGTH);
    let has_content = length.is_some_and(|length| length != "0")
        || headers.contains_key(header::TRANSFER_ENCODING)
        || (request.version >= Version::HTTP_2 && !body.is_end_stream());
    let upgrade = headers.get(header::UPGRADE);
    has_content || upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

async fn looked_up<S, B, R>(
    shared: Arc<Shared>,
    inner: S,
    resource: String,
    request: Parts,
    body: B,
) -> Result<Response<CacheBody>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    B: Body + Default + Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    if owed::is_owed(&shared, &resource) {
        // What Redis has is older than a change that has passed here.
        shared.cache.core.metrics.record(Event::Bypassed);
        return forwarded(&shared, inner, request, body, Forward::Bypass).await;
    }
    let client = Directives::of_request(&request.headers);
    let manner = Manner::of(&request, &client);
    let search = Search::new(&shared, &resource, &request.headers, &client);
    let (slot, stored, why) = match search.run(manner).await {
        Found::Usable {
            response,
            slot: None,
            report,
        } => return Ok(served(&shared, &request, *response, report)),
        Found::Usable {
            response,
            slot,
            report,
        } => {
            let answer = served(&shared, &request, (*response).clone(), report);
            let fetch = Fetch::new(shared, inner, request, manner).with(
                slot,
                Some(Kept::stale(response)),
                Forward::Stale,
            );
            tokio::spawn(fetch.in_background().in_current_span());
            return Ok(answer);
        }
        Found::Forward { .. } if client.has("only-if-cached") => {
            let report = Report::forwarded(Forward::Request);
            return Ok(empty(&shared, StatusCode::GATEWAY_TIMEOUT, report));
        }
        Found::Forward { slot, stored, why } => (slot, stored, why),
    };
    let fetch = Fetch::new(shared, inner, request, manner).with(slot, stored, why);
    // Large, and not for hits: it is kept out of their futures.
    Box::pin(fetched(fetch, body)).await
}

async fn fetched<S, B, R>(fetch: Fetch<S>, body: B) -> Result<Response<CacheBody>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    B: Default + Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    if fetch.has_slot() {
        detached(fetch.run(body)).await
    } else {
        fetch.run(body).await
    }
}

/// Goes on if the client goes away: others may be waiting, and the next one would have to begin anew;
/// or the origin has changed, and what is stored does not tell yet.
async fn detached<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    joined(tokio::spawn(work.in_current_span())).await
}
