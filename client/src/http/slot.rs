//! The right to store what the origin answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};

use super::find::{Place, now_ms};
use super::key;
use super::layer::Shared;
use super::rules::storing::has_validator;
use super::rules::vary::Vary;
use super::stored::{Response, encode_index};
use crate::aio::lease::{Keeper, Lease};
use crate::aio::turn::give_back;
use crate::protocol::command::{self, Asking, Storing};
use crate::protocol::reply::{self, Answer};

/// A place, and the lease on it.
pub(crate) struct Slot {
    place: Place,
    lease: Lease,
}

impl Slot {
    pub(crate) fn new(place: Place, lease: Lease) -> Self {
        Self { place, lease }
    }

    /// Others wait no longer than this for one call of the origin, which nobody may have an interest in
    /// any more.
    pub(crate) fn keep_for(&self, limit: Duration) -> Keeper {
        self.lease.keep_for(limit)
    }

    /// Stores a response to a request with these fields.
    pub(crate) async fn store(
        self,
        shared: &Shared,
        request: &HeaderMap,
        response: &Response,
        tags: &[String],
    ) {
        let (Some(encoded), Some(names)) = (response.encode(), self.names_beyond(response)) else {
            return self.give_up().await;
        };
        let keeping = Keeping::of(shared, response);
        let tags = self.tags(shared, tags);
        if names.is_empty() {
            self.lease.fill(encoded, keeping.storing(&tags)).await;
        } else {
            self.fill_variant(shared, &names, request, encoded, &keeping, &tags)
                .await;
        }
    }

    /// By which fields variants are to be told apart from now on, if this place does not do so; empty
    /// if it does. A response that varies by fewer fields than others of its resource is stored with
    /// them, for some clients more than once.
    fn names_beyond(&self, response: &Response) -> Option<Vec<HeaderName>> {
        let names = match Vary::of(&response.headers) {
            Vary::No => return Some(Vec::new()),
            Vary::By(names) => names,
            Vary::Star => return None,
        };
        let known = self.place.names.as_deref().unwrap_or_default();
        if names.iter().all(|name| known.contains(name)) {
            return Some(Vec::new());
        }
        Some(Vary::together(&names, known))
    }

    /// Stores a variant, and in the place where it was looked for by which fields there are variants.
    ///
    /// The lease on the variant is taken before that on the place ends, and both carry the same tags.
    /// So what is invalidated while the origin answers is refused by one of them.
    async fn fill_variant(
        self,
        shared: &Shared,
        names: &[HeaderName],
        request: &HeaderMap,
        encoded: Bytes,
        keeping: &Keeping,
        tags: &[String],
    ) {
        let Some(index) = encode_index(names) else {
            return self.give_up().await;
        };
        let variant = key::of_variant(&self.place.resource, names, request);
        let lease = leased(shared, &shared.cache.key(&variant)).await;
        let filled = self.lease.fill(index, keeping.storing_index(tags)).await;
        match lease {
            Some(lease) if filled => drop(lease.fill(encoded, keeping.storing(tags)).await),
            Some(lease) => lease.give_up(None).await,
            None => {}
        }
    }

    /// The response's own tags, and that of the resource, by which all its variants are found.
    fn tags(&self, shared: &Shared, own: &[String]) -> Vec<String> {
        let mut own = own.to_vec();
        own.push(key::resource_tag(&self.place.resource));
        shared.cache.core.settings.tags(&shared.policy, &own)
    }

    /// Removes what is stored: the origin has replaced it by something that can't be. Those who wait are
    /// sent to the origin first: removing it would only let them try one after the other.
    pub(crate) async fn forget(self, shared: &Shared) {
        let unlink = command::unlink(std::slice::from_ref(&self.place.key));
        self.pass(shared.pass_for).await;
        // If it fails, the next answer of the origin removes it.
        let _ = shared.cache.core.link.write(&unlink).await;
    }

    /// Lets the next request try.
    pub(crate) async fn give_up(self) {
        self.lease.give_up(None).await;
    }

    /// Lets the origin alone for a while.
    pub(crate) async fn back_off(self, time: Duration) {
        self.lease.give_up(Some(time)).await;
    }

    /// Sends those who wait to the origin side by side.
    pub(crate) async fn disperse(self) {
        self.lease.give_up_uncached().await;
    }

    /// The same, and lets nobody wait for a while.
    pub(crate) async fn pass(self, time: Duration) {
        self.lease.give_up_uncached_for(time).await;
    }
}

/// How much longer an index is kept than what it first led to.
const LONGER: Duration = Duration::from_secs(60 * 60);

/// How long a response is kept.
struct Keeping {
    fresh: Duration,
    stale: Duration,
}

impl Keeping {
    fn of(shared: &Shared, response: &Response) -> Self {
        let useful = Duration::from_secs(response.terms.useful_for());
        let confirmable = if has_validator(&response.headers) {
            shared.keep_stale
        } else {
            Duration::ZERO
        };
        Self {
            fresh: Duration::from_millis(response.terms.freshness.fresh_ms(now_ms())),
            stale: useful.max(confirmable),
        }
    }

    /// An index is of use as long as any of the variants, also those that come later. Its grace lets it
    /// outlive being marked as stale.
    fn storing_index<'a>(&self, tags: &'a [String]) -> Storing<'a> {
        Storing {
            ttl: Some(self.fresh + LONGER),
            grace: Some(self.stale + LONGER),
            token: None,
            tags,
        }
    }

    fn storing<'a>(&self, tags: &'a [String]) -> Storing<'a> {
        let grace = Some(self.stale).filter(|stale| !stale.is_zero());
        Storing {
            ttl: Some(self.fresh),
            grace,
            token: None,
            tags,
        }
    }
}

/// Makes an index that was marked as stale fresh again, in the background.
pub(crate) fn renew_index(shared: &Shared, resource: &str, lease: Lease, index: Bytes) {
    let own = [key::resource_tag(resource)];
    let tags = shared.cache.core.settings.tags(&shared.policy, &own);
    let keeping = Keeping {
        fresh: shared.keep_stale,
        stale: shared.keep_stale,
    };
    tokio::spawn(async move { lease.fill(index, keeping.storing_index(&tags)).await });
}

/// The lease on a key that holds nothing fresh, unless somebody else has it.
pub(crate) async fn leased(shared: &Shared, key: &str) -> Option<Lease> {
    let (core, policy) = (&shared.cache.core, &shared.policy);
    let asking = Asking {
        fresh: true,
        early: None,
        ..core.settings.asking(policy)
    };
    let length = core.settings.lease(policy);
    let late = {
        let (core, key) = (Arc::clone(core), key.to_owned());
        move |reply| give_back(&core, key.clone(), length, reply)
    };
    let asked = core.link.ask(command::get_or_lock(key, &asking), late);
    let (reply, bond) = asked.await.ok()?;
    match reply::answer(reply).ok()? {
        Answer::Miss(token)
        | Answer::Value {
            token: Some(token), ..
        } => Some(Lease::new(core, key.to_owned(), token, length).on(bond)),
        Answer::Value { token: None, .. } | Answer::Busy => None,
    }
}
