//! How the cache asks here first.

use std::sync::Arc;
use std::time::Instant;

use redis::Cmd;

use super::Near;
use crate::aio::compute::Ready;
use crate::aio::core::Core;
use crate::aio::owed;
use crate::aio::turn::Bypass;
use crate::codec::Decode;
use crate::computed::{Fetched, Source};
use crate::error::{Error, Result};
use crate::policy::Policy;
use crate::protocol::command;
use crate::stats::Event;

impl Core {
    pub(crate) async fn near_get<T: Decode>(
        self: &Arc<Self>,
        key: &str,
    ) -> Option<Result<Option<T>>> {
        let found = self.near_value(key, command::get_timed).await?;
        if matches!(found, Ok(None)) {
            self.metrics.record(Event::Miss);
        }
        Some(found.map(|found| Some(found?.value)))
    }

    /// Nothing where a lease is needed.
    pub(crate) async fn near_ready<T: Decode>(
        self: &Arc<Self>,
        key: &str,
        policy: &Policy,
    ) -> Option<Ready<T>> {
        // Who is to recompute early is drawn from those who ask the server.
        if self.settings.early(policy).is_some() {
            return None;
        }
        match self.near_value(key, command::get_timed_first).await? {
            Ok(fetched) => fetched.map(Ready::Serve),
            Err(_) => Some(Ready::Bypass(Bypass::Unavailable(None))),
        }
    }

    /// The fresh value of `key`, from here or from the server. `Some(Ok(None))`: there is none. `None`:
    /// to be asked for in the usual way.
    async fn near_value<T: Decode>(
        self: &Arc<Self>,
        key: &str,
        look: fn(&str) -> Cmd,
    ) -> Option<Result<Option<Fetched<T>>>> {
        let near = self.near.as_ref()?;
        // What is to be deleted is not kept from the server.
        if owed::is_owed(self, key) {
            return None;
        }
        // A caller who finds everything here would never let others run, not even those who listen.
        tokio::task::consume_budget().await;
        let started = Instant::now();
        if let Some(fetched) = self.near_hit(near, key, started) {
            return Some(Ok(Some(fetched)));
        }
        if self.link.is_open() {
            return None;
        }
        match Box::pin(near.read(key, look(key))).await? {
            Ok(None) => Some(Ok(None)),
            Ok(Some(value)) => {
                let value = T::decode(value).inspect_err(|_| near.forget(key)).ok()?;
                Some(Ok(Some(self.metrics.served(value, Source::Hit, started))))
            }
            // Who has waited once for nothing need not do it again.
            Err(error @ Error::Timeout(_)) => Some(self.link.judge(Err(error))),
            Err(_) => None,
        }
    }

    fn near_hit<T: Decode>(&self, near: &Near, key: &str, started: Instant) -> Option<Fetched<T>> {
        let value = T::decode(near.get(key, started)?)
            .inspect_err(|_| near.forget(key))
            .ok()?;
        self.metrics.record(Event::NearHit);
        self.metrics.record_lookup(started.elapsed());
        Some(Fetched::new(value, Source::Hit))
    }
}
