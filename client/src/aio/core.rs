//! What all clones of a cache share.

use std::sync::Arc;

use super::flights::Flights;
use super::link::Link;
use super::waiting::Waiting;
use crate::debts::Debts;
use crate::servers::Servers;
use crate::settings::Settings;
use crate::stats::Metrics;

pub(crate) struct Core {
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) link: Arc<Link>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) waiting: Arc<Waiting>,
    /// Keys to be deleted.
    pub(crate) owed: Arc<Debts>,
    #[cfg(feature = "near-cache")]
    pub(crate) near: Option<Arc<crate::near::Near>>,
    #[cfg(feature = "cluster")]
    pub(crate) primaries: super::cluster::Primaries,
}

impl Core {
    pub(crate) fn new(servers: Servers, settings: Settings) -> Self {
        let metrics = Metrics::new(&settings.name);
        let waiting = Arc::new(Waiting::new(servers.clone(), &settings));
        #[cfg(feature = "cluster")]
        let primaries = super::cluster::Primaries::new(servers.clone(), &settings);
        let settings = Arc::new(settings);
        #[cfg(feature = "near-cache")]
        let near = crate::near::Near::new(&servers, &settings);
        let link = Arc::new(Link::new(
            servers,
            Arc::clone(&settings),
            Arc::clone(&metrics),
        ));
        Self {
            settings,
            metrics,
            link,
            flights: Arc::default(),
            waiting,
            owed: Arc::default(),
            #[cfg(feature = "near-cache")]
            near,
            #[cfg(feature = "cluster")]
            primaries,
        }
    }

    /// Whether there is a near cache, which has looked for a value before anybody else does.
    #[cfg_attr(
        not(feature = "near-cache"),
        expect(clippy::unused_self, reason = "there is none")
    )]
    pub(crate) fn has_near(&self) -> bool {
        #[cfg(feature = "near-cache")]
        return self.near.is_some();
        #[cfg(not(feature = "near-cache"))]
        false
    }

    /// Nothing older than what this process has just done to `key` is shared or served near any more.
    pub(crate) fn changed(&self, key: &str) {
        self.flights.close(key);
        self.forget_near(key);
    }

    /// What was read of `key` until now is not served near any more.
    #[cfg_attr(
        not(feature = "near-cache"),
        expect(unused_variables, reason = "there is nothing to forget")
    )]
    pub(crate) fn forget_near(&self, key: &str) {
        #[cfg(feature = "near-cache")]
        if let Some(near) = &self.near {
            near.forget(key);
        }
    }

    /// As [`changed`](Self::changed), for all keys with one of these tags.
    #[cfg_attr(
        not(feature = "near-cache"),
        expect(unused_variables, reason = "flights know no tags")
    )]
    pub(crate) fn changed_tags(&self, tags: &[String]) {
        self.flights.close_all();
        #[cfg(feature = "near-cache")]
        if let Some(near) = &self.near {
            near.forget_tags(tags);
        }
    }

    /// As [`changed`](Self::changed), for all keys.
    pub(crate) fn changed_all(&self) {
        self.flights.close_all();
        #[cfg(feature = "near-cache")]
        if let Some(near) = &self.near {
            near.clear();
        }
    }
}
