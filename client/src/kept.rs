//! What of a computed value is kept, and what is counted of it.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::codec::{Decode, Encode, Encoded};
use crate::computed::{Computed, Fetched, Source};
use crate::policy::Policy;
use crate::settings::Settings;
use crate::stats::{Event, Metrics};

/// The stored form of a value, and the TTL that it asks for.
pub(crate) type Storable = (Bytes, Option<Duration>);

impl Settings {
    /// Nothing if the value is not to be kept, or can't be.
    pub(crate) fn storable<T: Encode + ?Sized>(
        &self,
        policy: &Policy,
        value: &T,
        ttl: Option<Duration>,
    ) -> Option<Storable> {
        let Encoded { bytes, is_none } = value
            .encode(self.encoding)
            .inspect_err(|error| tracing::warn!(%error, "a computed value is not stored"))
            .ok()?;
        let ttl = if is_none {
            Some(self.negative_ttl(policy)?)
        } else {
            ttl
        };
        Some((bytes, ttl))
    }

    pub(crate) fn keepable<T: Encode>(
        &self,
        policy: &Policy,
        computed: &Computed<T>,
    ) -> Option<Storable> {
        if computed.kept {
            self.storable(policy, &computed.value, computed.ttl)
        } else {
            None
        }
    }
}

impl Metrics {
    pub(crate) fn served<T>(&self, value: T, source: Source, started: Instant) -> Fetched<T> {
        self.record(match source {
            Source::Stale => Event::StaleHit,
            Source::Shared => Event::Shared,
            _ => Event::Hit,
        });
        self.record_lookup(started.elapsed());
        tracing::trace!(?source, "served");
        Fetched::new(value, source)
    }

    /// A value that this caller is to replace. What can't be decoded counts as absent.
    pub(crate) fn older<T: Decode>(
        &self,
        value: Bytes,
        source: Source,
        started: Instant,
    ) -> Option<Fetched<T>> {
        if let Ok(value) = T::decode(value) {
            return Some(self.served(value, source, started));
        }
        self.record(Event::Undecodable);
        self.record(Event::Miss);
        None
    }

    pub(crate) fn computed<T, E>(&self, outcome: &Result<T, E>, took: Duration) {
        self.record(if outcome.is_ok() {
            Event::Computed
        } else {
            Event::ComputeFailed
        });
        self.record_compute(took);
    }
}
