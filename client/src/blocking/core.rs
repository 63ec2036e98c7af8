//! What all clones of a cache share.

use std::sync::Arc;

use super::flights::Flights;
use super::keeper::Keeper;
use super::link::Link;
use crate::debts::Debts;
use crate::health::Health;
use crate::servers::Servers;
use crate::settings::Settings;
use crate::stats::Metrics;

pub(crate) struct Core {
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) link: Arc<Link>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) keeper: Keeper,
    /// Keys to be deleted.
    pub(crate) owed: Arc<Debts>,
}

impl Core {
    pub(crate) fn new(servers: Servers, settings: Settings) -> Self {
        let metrics = Metrics::new(&settings.name);
        let health = Arc::new(Health::new(&settings, Arc::clone(&metrics)));
        let settings = Arc::new(settings);
        let link = Arc::new(Link::new(servers, Arc::clone(&settings), health));
        Self {
            settings,
            metrics,
            flights: Arc::default(),
            keeper: Keeper::new(Arc::clone(&link)),
            link,
            owed: Arc::default(),
        }
    }
}
