//! Asking the origin, and what follows from its answer.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, header, response};
use http_body::Body;
use tower_service::Service;

use super::answer::{empty, handed_on, passed, served, tags_of, unless_client_has};
use super::body::{BoxError, CacheBody, Copied, is_complete};
use super::find::{Kept, Manner, now_ms};
use super::layer::Shared;
use super::rules::date::date_on_arrival;
use super::rules::freshness::{Freshness, initial_age};
use super::rules::reuse::Terms;
use super::rules::storing::{Refusal, has_validator, lifetime_if_storable, strip_for_storing};
use super::rules::validation::{
    confirms, describes, freshen, make_conditional, make_unconditional,
};
use super::slot::Slot;
use super::status::{Forward, Report};
use super::stored;
use crate::aio::lease::Keeper;

/// A request on its way to the origin, and what is known about it.
pub(crate) struct Fetch<S> {
    shared: Arc<Shared>,
    inner: S,
    /// As the client has sent it.
    request: Parts,
    manner: Manner,
    slot: Option<Slot>,
    stored: Option<Kept>,
    why: Forward,
}

impl<S> Fetch<S> {
    pub(crate) fn new(shared: Arc<Shared>, inner: S, request: Parts, manner: Manner) -> Self {
        Self {
            shared,
            inner,
            request,
            manner,
            slot: None,
            stored: None,
            why: Forward::UriMiss,
        }
    }

    pub(crate) fn with(mut self, slot: Option<Slot>, stored: Option<Kept>, why: Forward) -> Self {
        (self.slot, self.stored, self.why) = (slot, stored, why);
        self
    }

    /// Whether what the origin answers can be stored.
    pub(crate) fn has_slot(&self) -> bool {
        self.slot.is_some()
    }

    /// Looks for a newer response while the stale one is served.
    pub(crate) async fn in_background<B, R>(mut self)
    where
        S: Service<Request<B>, Response = Response<R>>,
        B: Default,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        // The service that was ready has been asked for nothing yet, but that was a while ago.
        if poll_fn(|cx| self.inner.poll_ready(cx)).await.is_ok() {
            // Its body is stored even if nobody reads it.
            drop(self.run(B::default()).await);
        }
    }

    pub(crate) async fn run<B, R>(mut self, body: B) -> Result<Response<CacheBody>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>>,
        B: Default,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        let limit = self.shared.fetch_limit;
        let keeper = self.slot.as_ref().map(|slot| slot.keep_for(limit));
        let mut validated = self.validated().is_some();
        let mut requested_ms = now_ms();
        let mut outcome = self.ask(body, validated).await;
        if validated && self.is_about_another(&outcome) {
            (validated, requested_ms) = (false, now_ms());
            outcome = self.ask_again().await;
        }
        let response = match outcome {
            Err(_) if self.can_cover() => return Ok(self.cover(None)),
            Err(error) => {
                self.with_slot(|slot, _| slot.give_up());
                return Err(error);
            }
            Ok(response) => response,
        };
        let status = response.status();
        if status.is_server_error() && self.can_cover() {
            return Ok(self.cover(Some(status)));
        }
        if validated && status == StatusCode::NOT_MODIFIED {
            return Ok(self.confirmed(response.into_parts().0, requested_ms));
        }
        if self.request.method == Method::HEAD {
            return Ok(self.described(response, requested_ms));
        }
        Ok(self.answered(response, requested_ms, keeper))
    }

    /// What is stored, if the origin can be asked whether it has changed.
    fn validated(&self) -> Option<&stored::Response> {
        let stored = self.stored.as_ref().map(|kept| &*kept.response);
        stored.filter(|stored| has_validator(&stored.headers))
    }

    /// Asks the origin for the page, or only whether what is stored has changed.
    async fn ask<B, R>(&mut self, body: B, validates: bool) -> Result<Response<R>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        let mut forwarded = self.request.clone();
        if let Some(stored) = self.validated().filter(|_| validates) {
            make_conditional(&mut forwarded.headers, &stored.headers);
        } else if self.slot.is_some() {
            make_unconditional(&mut forwarded.headers);
        }
        self.inner.call(Request::from_parts(forwarded, body)).await
    }

    /// The origin has confirmed something else than what is stored: asks for the page itself.
    async fn ask_again<B, R>(&mut self) -> Result<Response<R>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>>,
        B: Default,
    {
        poll_fn(|cx| self.inner.poll_ready(cx)).await?;
        self.ask(B::default(), false).await
    }

    fn is_about_another<R, E>(&self, outcome: &Result<Response<R>, E>) -> bool {
        let (Ok(response), Some(stored)) = (outcome, &self.stored) else {
            return false;
        };
        response.status() == StatusCode::NOT_MODIFIED
            && !confirms(response.headers(), &stored.response.headers)
    }

    /// Ends the slot, if there is one, without letting the client wait for that.
    fn with_slot<F, Fut>(&mut self, end: F)
    where
        F: FnOnce(Slot, Arc<Shared>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        if let Some(slot) = self.slot.take() {
            tokio::spawn(end(slot, Arc::clone(&self.shared)));
        }
    }

    fn report(&self, status: Option<StatusCode>) -> Report {
        Report {
            forward_status: status,
            ..Report::forwarded(self.why)
        }
    }

    fn can_cover(&self) -> bool {
        self.stored.as_ref().is_some_and(Kept::may_cover_for_origin)
    }

    /// The origin fails, and what is stored is served in its place.
    fn cover(mut self, status: Option<StatusCode>) -> Response<CacheBody> {
        let backoff = self.shared.backoff;
        self.with_slot(|slot, _| slot.back_off(backoff));
        let report = Report {
            detail: Some("stale-if-error"),
            ..self.report(status)
        };
        match self.stored.take() {
            Some(stored) => served(&self.shared, &self.request, *stored.response, report),
            None => empty(&self.shared, StatusCode::BAD_GATEWAY, report),
        }
    }

    /// The origin has said that what is stored is still good.
    fn confirmed(mut self, mut head: response::Parts, requested_ms: u64) -> Response<CacheBody> {
        let report = self.report(Some(head.status));
        let Some(stored) = self.stored.take() else {
            return empty(&self.shared, StatusCode::BAD_GATEWAY, report);
        };
        self.refreshed(*stored.response, &mut head.headers, requested_ms, report)
    }

    /// The origin has answered a `HEAD`: what is stored is refreshed if the answer is about it.
    fn described<R>(mut self, response: Response<R>, requested_ms: u64) -> Response<CacheBody>
    where
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        let report = self.report(Some(response.status()));
        let (mut head, body) = response.into_parts();
        let stored = self.stored.take().map(|kept| kept.response);
        let stored = stored.filter(|stored| {
            head.status == stored.status && describes(&head.headers, &stored.headers)
        });
        match stored {
            Some(stored) if self.slot.is_some() => {
                self.refreshed(*stored, &mut head.headers, requested_ms, report)
            }
            _ => {
                self.with_slot(|slot, _| slot.give_up());
                passed(&self.shared, Response::from_parts(head, body), report)
            }
        }
    }

    /// Stores what was stored with what the origin says about it now, and serves it.
    fn refreshed(
        mut self,
        mut stored: stored::Response,
        head: &mut HeaderMap,
        requested_ms: u64,
        report: Report,
    ) -> Response<CacheBody> {
        date_on_arrival(head, now_ms());
        let cookies = cookies_for_client(head);
        freshen(&mut stored.headers, head);
        match self.terms(stored.status, &stored.headers, requested_ms) {
            Ok(terms) => {
                stored.terms = terms;
                strip_for_storing(&mut stored.headers);
                self.store(stored.clone());
            }
            Err(Refusal::Response) => {
                self.with_slot(async |slot, shared| slot.forget(&shared).await);
            }
            Err(Refusal::Request) => self.with_slot(|slot, _| slot.give_up()),
        }
        let mut response = served(&self.shared, &self.request, stored, report);
        response.headers_mut().extend(cookies);
        response
    }

    fn store(&mut self, response: stored::Response) {
        let request = self.request.headers.clone();
        self.with_slot(async move |slot, shared| {
            let tags = tags_of(&shared, &response.headers);
            slot.store(&shared, &request, &response, &tags).await;
        });
    }

    /// The origin has given an answer of its own.
    fn answered<R>(
        mut self,
        response: Response<R>,
        requested_ms: u64,
        keeper: Option<Keeper>,
    ) -> Response<CacheBody>
    where
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        let report = self.report(Some(response.status()));
        if self.slot.is_none() {
            return passed(&self.shared, response, report);
        }
        let (head, body) = response.into_parts();
        let is_too_large = body.size_hint().lower() > self.shared.max_body as u64;
        let terms = match self.terms(head.status, &head.headers, requested_ms) {
            Ok(_) if is_too_large => Err(Refusal::Response),
            terms => terms,
        };
        let response = match terms {
            Ok(terms) => {
                let report = Report {
                    stored: true,
                    ..report
                };
                let body = self.copied(&head, body, terms, keeper);
                handed_on(&self.shared, head, body, report)
            }
            Err(refusal) => {
                self.not_stored(refusal, head.status);
                passed(&self.shared, Response::from_parts(head, body), report)
            }
        };
        unless_client_has(&self.request.headers, response)
    }

    /// A body that is stored as it passes.
    fn copied<R>(
        &mut self,
        head: &response::Parts,
        body: R,
        terms: Terms,
        keeper: Option<Keeper>,
    ) -> CacheBody
    where
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        let Some(slot) = self.slot.take() else {
            return CacheBody::through(body);
        };
        let (status, mut headers) = (head.status, head.headers.clone());
        date_on_arrival(&mut headers, terms.freshness.received_ms);
        strip_for_storing(&mut headers);
        let (shared, request) = (Arc::clone(&self.shared), self.request.headers.clone());
        let tags = tags_of(&shared, &headers);
        CacheBody::copied(body, shared.max_body, async move |copied| {
            match copied {
                Copied::Whole(body) if is_complete(&headers, &body) => {
                    let response = stored::Response {
                        status,
                        headers,
                        terms,
                        body,
                    };
                    slot.store(&shared, &request, &response, &tags).await;
                }
                Copied::TooLarge => slot.pass(shared.pass_for).await,
                Copied::Whole(_) | Copied::Broken => slot.give_up().await,
            }
            drop(keeper);
        })
    }

    /// A response that must not be stored takes the place of one that was, unless it is an error or not
    /// about others.
    fn not_stored(&mut self, refusal: Refusal, status: StatusCode) {
        let (is_replaced, waits) = (self.stored.is_some(), self.manner == Manner::Together);
        self.with_slot(async move |slot, shared| match refusal {
            Refusal::Request if waits => slot.disperse().await,
            Refusal::Request => slot.give_up().await,
            Refusal::Response if is_replaced && !status.is_server_error() => {
                slot.forget(&shared).await;
            }
            Refusal::Response if waits => slot.pass(shared.pass_for).await,
            Refusal::Response => slot.give_up().await,
        });
    }

    /// The terms under which a response is stored, if it may be.
    fn terms(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        requested_ms: u64,
    ) -> Result<Terms, Refusal> {
        let (choices, received_ms) = (&self.shared.choices, now_ms());
        let request = &self.request.headers;
        let lifetime = lifetime_if_storable(choices, request, status, headers, received_ms)?;
        let initial_age = initial_age(headers, requested_ms, received_ms);
        let freshness = Freshness {
            received_ms,
            initial_age,
            lifetime,
        };
        let mut terms = Terms::of(choices, headers, freshness);
        if status.is_server_error() {
            // An error is no better than another one.
            terms.stale_if_error = 0;
        }
        Ok(terms)
    }
}

/// Cookies that come with a confirmation are for the client who asked.
fn cookies_for_client(head: &mut HeaderMap) -> HeaderMap {
    let mut cookies = HeaderMap::new();
    if let header::Entry::Occupied(set) = head.entry(header::SET_COOKIE) {
        let (name, values) = set.remove_entry_mult();
        for value in values {
            cookies.append(name.clone(), value);
        }
    }
    cookies
}
