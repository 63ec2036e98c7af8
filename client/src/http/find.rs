//! From a request to a response that may be served, or to the right to fetch one.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header, request::Parts};

use super::key;
use super::layer::Shared;
use super::rules::directives::Directives;
use super::rules::reuse::Reuse;
use super::slot::{self, Slot};
use super::status::{Forward, Report};
use super::stored::{Response, Stored};
use crate::aio::core::Core;
use crate::aio::turn::{self, Bypass, Turn};
use crate::computed::Source;
use crate::error::Result;
use crate::policy::Policy;
use crate::protocol::{command, reply};
use crate::stats::Event;

/// What is to be done about a request.
pub(crate) enum Found {
    /// Serve this. With a slot, look for a newer one in the background.
    Usable {
        response: Box<Response>,
        slot: Option<Slot>,
        report: Report,
    },
    /// Ask the origin. Without a slot its answer is not stored.
    Forward {
        slot: Option<Slot>,
        stored: Option<Kept>,
        why: Forward,
    },
}

/// How a request takes part in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It waits while another one fetches what it wants, and others wait for it.
    Together,
    /// Its answer is hardly ever for others, so nobody waits; but it is stored if it may be.
    Alone,
    /// It is served what is there, and can at most refresh it.
    Refreshing,
    /// It is served what is there.
    Reading,
}

impl Manner {
    pub(crate) fn of(request: &Parts, client: &Directives) -> Self {
        let headers = &request.headers;
        if client.has("no-store") || client.has("only-if-cached") {
            Self::Reading
        } else if request.method == Method::HEAD {
            Self::Refreshing
        } else if headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::RANGE)
        {
            Self::Alone
        } else {
            Self::Together
        }
    }
}

/// Such a beta makes the server draw whoever asks.
const SURELY: f64 = 1e12;

/// How a request looks for a response.
pub(crate) struct Search<'a> {
    shared: &'a Shared,
    resource: &'a str,
    request: &'a HeaderMap,
    client: &'a Directives,
}

/// Where a response is, or would be.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) resource: String,
    /// The fields by which the variants of the resource are told apart, if they are.
    pub(crate) names: Option<Vec<HeaderName>>,
    /// The full key.
    pub(crate) key: String,
}

/// A response, and whether the server says that it is stale: it may have been marked before its time.
pub(crate) struct Kept {
    pub(crate) response: Box<Response>,
    is_stale: bool,
}

impl Kept {
    pub(crate) fn stale(response: Box<Response>) -> Self {
        Self {
            response,
            is_stale: true,
        }
    }

    /// Whether it may be served because the origin fails.
    pub(crate) fn may_cover_for_origin(&self) -> bool {
        let terms = &self.response.terms;
        terms.may_cover_for_origin(self.is_stale, now_ms())
    }

    fn reuse(&self, client: &Directives) -> Reuse {
        self.response.terms.reuse(client, self.is_stale, now_ms())
    }
}

impl Place {
    fn miss(&self) -> Forward {
        if self.names.is_some() {
            Forward::VaryMiss
        } else {
            Forward::UriMiss
        }
    }

    /// Whether an index with these names leads on from here. One that did not would lead in circles.
    fn leads_to(&self, names: &[HeaderName]) -> bool {
        let known = self.names.as_ref().map_or(0, Vec::len);
        known < names.len()
    }
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        resource: &'a str,
        request: &'a HeaderMap,
        client: &'a Directives,
    ) -> Self {
        Self {
            shared,
            resource,
            request,
            client,
        }
    }

    /// What only few requests come to is kept out of the futures of all.
    pub(crate) async fn run(&self, manner: Manner) -> Found {
        if manner == Manner::Together {
            self.together().await
        } else {
            Box::pin(self.without_waiting(manner)).await
        }
    }

    fn core(&self) -> &Arc<Core> {
        &self.shared.cache.core
    }

    fn base(&self) -> Place {
        Place {
            resource: self.resource.to_owned(),
            names: None,
            key: self.shared.cache.key(self.resource),
        }
    }

    fn variant(&self, names: Vec<HeaderName>) -> Place {
        let key = key::of_variant(self.resource, &names, self.request);
        Place {
            resource: self.resource.to_owned(),
            names: Some(names),
            key: self.shared.cache.key(&key),
        }
    }

    /// Looks at the resource, and follows its indexes to the variant if it has some.
    async fn together(&self) -> Found {
        match self.at_hand().await {
            Ok(found) => found,
            Err(place) => Box::pin(self.by_turns(place)).await,
        }
    }

    /// What is fresh; otherwise where to go on.
    async fn at_hand(&self) -> std::result::Result<Found, Place> {
        let mut place = self.base();
        if self.core().settings.early(&self.shared.policy).is_some() {
            return Err(place);
        }
        loop {
            let Ok(value) = turn::fresh(self.core(), &place.key).await else {
                return Ok(self.bypassed(Forward::Bypass));
            };
            match value.and_then(Stored::parse) {
                Some(Stored::Index(names)) if place.leads_to(&names) => {
                    place = self.variant(names);
                }
                Some(Stored::Response(response)) => {
                    let kept = Kept {
                        response,
                        is_stale: false,
                    };
                    if kept.reuse(self.client) == Reuse::Serve {
                        return Ok(self.usable(kept, None, false));
                    }
                    return Err(place);
                }
                _ => return Err(place),
            }
        }
    }

    /// What is there, or the right to fetch it, or what somebody else fetches.
    async fn by_turns(&self, mut place: Place) -> Found {
        loop {
            let turn = turn::decide(self.core(), &place.key, &self.shared.policy).await;
            let next = index(&turn).filter(|names| place.leads_to(names));
            let Some(names) = next else {
                return self.decide(place, turn).await;
            };
            // An index that was marked as stale, like all that is stored for its resource, is still good.
            if let Turn::Refresh { value, lease, .. } = turn {
                slot::renew_index(self.shared, self.resource, lease, value);
            }
            place = self.variant(names);
        }
    }

    async fn decide(&self, place: Place, turn: Turn) -> Found {
        let (value, source, lease) = match turn {
            Turn::Serve { value, source } => (value, source, None),
            Turn::Refresh {
                value,
                source,
                lease,
            } => (value, source, Some(lease)),
            Turn::Compute(lease) => {
                let why = place.miss();
                return self.missed(Some(Slot::new(place, lease)), None, why);
            }
            Turn::Bypass(Bypass::Alone) => return self.bypassed(place.miss()),
            Turn::Bypass(Bypass::Unavailable(_)) => return self.bypassed(Forward::Bypass),
        };
        let Some(response) = response(value.clone()) else {
            // It was not written by this version. The next request finds the place empty.
            self.core().discard(&place.key, &value).await;
            return self.missed(None, None, place.miss());
        };
        let kept = Kept {
            response,
            is_stale: source == Source::Stale,
        };
        let slot = lease.map(|lease| Slot::new(place.clone(), lease));
        self.judge(place, kept, source == Source::Shared, slot)
            .await
    }

    /// Decides about a stored response, as the client wants and the response allows it.
    async fn judge(&self, place: Place, kept: Kept, is_shared: bool, slot: Option<Slot>) -> Found {
        match kept.reuse(self.client) {
            Reuse::Serve | Reuse::ServeStale => self.usable(kept, slot, is_shared),
            Reuse::Validate if slot.is_none() && kept.response.terms.can_be_fresh() => {
                Box::pin(self.validated_by_others(place, kept)).await
            }
            Reuse::Validate => self.missed(slot, Some(kept), Forward::Stale),
            Reuse::Reload => {
                let slot = match slot {
                    Some(slot) => Some(slot),
                    None => Box::pin(self.slot_beside_fresh(&place)).await,
                };
                self.missed(slot, Some(kept), Forward::Request)
            }
        }
    }

    /// Somebody is asking the origin already: waits for the answer.
    async fn validated_by_others(&self, place: Place, stale: Kept) -> Found {
        let slot = match turn::decide_fresh(self.core(), &place.key, &self.shared.policy).await {
            Turn::Serve { value, .. } => {
                if let Some(response) = response(value) {
                    let kept = Kept {
                        response,
                        is_stale: false,
                    };
                    if kept.reuse(self.client) == Reuse::Serve {
                        return self.usable(kept, None, true);
                    }
                }
                // It is fresh by the server's clock, and no more by that of this process.
                Box::pin(self.slot_beside_fresh(&place)).await
            }
            Turn::Refresh { lease, .. } | Turn::Compute(lease) => Some(Slot::new(place, lease)),
            // The origin has just failed, and is let alone.
            Turn::Bypass(_) if stale.may_cover_for_origin() => {
                return self.covering(stale);
            }
            Turn::Bypass(_) => None,
        };
        self.missed(slot, Some(stale), Forward::Stale)
    }

    /// The right to replace a response that is fresh for everybody else.
    async fn slot_beside_fresh(&self, place: &Place) -> Option<Slot> {
        let policy = Policy {
            early: Some(SURELY),
            ..self.shared.policy.clone()
        };
        match turn::decide(self.core(), &place.key, &policy).await {
            Turn::Refresh { lease, .. } | Turn::Compute(lease) => {
                Some(Slot::new(place.clone(), lease))
            }
            Turn::Serve { .. } | Turn::Bypass(_) => None,
        }
    }

    fn covering(&self, stale: Kept) -> Found {
        let mut found = self.usable(stale, None, false);
        if let Found::Usable { report, .. } = &mut found {
            report.detail = Some("stale-if-error");
        }
        found
    }

    fn usable(&self, kept: Kept, slot: Option<Slot>, is_shared: bool) -> Found {
        let now = now_ms();
        let freshness = kept.response.terms.freshness;
        let is_fresh = freshness.is_fresh(now) && !kept.is_stale;
        self.core().metrics.record(match (is_fresh, is_shared) {
            (true, true) => Event::Shared,
            (true, false) => Event::Hit,
            (false, _) => Event::StaleHit,
        });
        let seconds = |n| i64::try_from(n).unwrap_or(i64::MAX);
        let ttl = seconds(freshness.lifetime) - seconds(freshness.age(now));
        let report = Report {
            ttl: Some(if kept.is_stale { ttl.min(0) } else { ttl }),
            collapsed: is_shared && is_fresh,
            ..Report::default()
        };
        Found::Usable {
            response: kept.response,
            slot,
            report,
        }
    }

    async fn without_waiting(&self, manner: Manner) -> Found {
        let Ok((place, kept)) = self.glance().await else {
            return self.bypassed(Forward::Bypass);
        };
        let takes = |what: Manner| manner == Manner::Alone || manner == what;
        let Some(kept) = kept else {
            let why = place.miss();
            let slot = self.slot_at(place, takes(Manner::Alone)).await;
            return self.missed(slot, None, why);
        };
        match kept.reuse(self.client) {
            Reuse::Serve => self.usable(kept, None, false),
            Reuse::ServeStale => {
                let slot = self.slot_at(place, takes(Manner::Alone)).await;
                self.usable(kept, slot, false)
            }
            reuse => {
                let slot = self.slot_at(place, takes(Manner::Refreshing)).await;
                let why = match reuse {
                    Reuse::Reload => Forward::Request,
                    _ => Forward::Stale,
                };
                self.missed(slot, Some(kept), why)
            }
        }
    }

    async fn slot_at(&self, place: Place, is_wanted: bool) -> Option<Slot> {
        if !is_wanted {
            return None;
        }
        let lease = slot::leased(self.shared, &place.key).await?;
        Some(Slot::new(place, lease))
    }

    /// What is there, without a lease.
    async fn glance(&self) -> Result<(Place, Option<Kept>)> {
        let mut place = self.base();
        loop {
            match self.read(&place.key).await? {
                Some((Stored::Index(names), _)) if place.leads_to(&names) => {
                    place = self.variant(names);
                }
                Some((Stored::Response(response), is_stale)) => {
                    return Ok((place, Some(Kept { response, is_stale })));
                }
                _ => return Ok((place, None)),
            }
        }
    }

    async fn read(&self, key: &str) -> Result<Option<(Stored, bool)>> {
        let reply = self.core().link.read(&command::lookup(key)).await?;
        let found = reply::found(reply)?;
        Ok(found.and_then(|found| Some((Stored::parse(found.value)?, found.stale))))
    }

    /// Nothing that is there will do.
    fn missed(&self, slot: Option<Slot>, stored: Option<Kept>, why: Forward) -> Found {
        self.core().metrics.record(Event::Miss);
        Found::Forward { slot, stored, why }
    }

    /// The cache can't help.
    fn bypassed(&self, why: Forward) -> Found {
        self.core().metrics.record(Event::Bypassed);
        Found::Forward {
            slot: None,
            stored: None,
            why,
        }
    }
}

fn index(turn: &Turn) -> Option<Vec<HeaderName>> {
    let (Turn::Serve { value, .. } | Turn::Refresh { value, .. }) = turn else {
        return None;
    };
    Stored::parse_index(value)
}

fn response(value: Bytes) -> Option<Box<Response>> {
    match Stored::parse(value)? {
        Stored::Response(response) => Some(response),
        Stored::Index(_) => None,
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
