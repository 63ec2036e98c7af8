//! A first level in the process itself, kept right by the server.
//!
//! | file | what it does |
//! | --- | --- |
//! | `store` | entries, bounded in bytes and in time |
//! | `history` | what of them has changed since it was asked for |
//! | `tracked` | the connection on which the server tells of changes |
//! | `pushes` | what it tells |
//! | `pulse` | whether it was heard lately |
//! | `reading` | how the cache asks here first |
//!
//! What is read on the tracked connection is kept as the server has it: stored form, tags, time left.
//! The server announces on the same connection when a key changes (`CLIENT TRACKING`) or a tag is
//! invalidated (the module's channels). As both come in the order in which they happened, an answer to
//! a question proves that all news from before the question has been heard. That is what the heartbeat
//! is for: nothing is served for longer than [`Limits::lag`] after the last proof was asked for.

mod history;
mod pulse;
mod pushes;
mod reading;
mod store;
mod tracked;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use redis::{Cmd, PushInfo};
use tokio::sync::Notify;

use self::pulse::Pulse;
use self::pushes::Change;
use self::store::Store;
use self::tracked::Tracked;
use crate::error::{Error, Result};
use crate::servers::Servers;
use crate::settings::Settings;

/// How much is held, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// 0: there is no near cache.
    pub(crate) bytes: u64,
    pub(crate) ttl: Duration,
    /// How long after a change the older value can be served at the very most.
    pub(crate) lag: Duration,
}

impl Limits {
    /// Instants end somewhere.
    const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);
    /// A server is not to be asked for signs of life without a break.
    const SHORTEST_LAG: Duration = Duration::from_millis(10);

    pub(crate) fn set_ttl(&mut self, longest: Duration) {
        self.ttl = longest.min(Self::FOREVER);
    }

    pub(crate) fn set_lag(&mut self, lag: Duration) {
        self.lag = lag.clamp(Self::SHORTEST_LAG, Self::FOREVER);
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 0,
            ttl: Duration::from_secs(60),
            lag: Duration::from_millis(500),
        }
    }
}

pub(crate) struct Near {
    store: Store,
    pulse: Pulse,
    servers: Servers,
    settings: Arc<Settings>,
    tracked: RwLock<Option<Tracked>>,
    connections: AtomicU64,
    is_tended: AtomicBool,
    lost: Arc<Notify>,
}

impl Near {
    /// Nothing, unless the settings ask for it. It connects when it is first read from.
    pub(crate) fn new(servers: &Servers, settings: &Arc<Settings>) -> Option<Arc<Self>> {
        let Limits { bytes, ttl, lag } = settings.near;
        (bytes > 0).then(|| {
            Arc::new(Self {
                store: Store::new(bytes, ttl),
                pulse: Pulse::new(lag),
                servers: servers.clone(),
                settings: Arc::clone(settings),
                tracked: RwLock::default(),
                connections: AtomicU64::new(0),
                is_tended: AtomicBool::new(false),
                lost: Arc::default(),
            })
        })
    }

    /// The stored form of a fresh value.
    pub(crate) fn get(&self, key: &str, now: Instant) -> Option<Bytes> {
        if self.pulse.is_felt(now) {
            self.store.get(key, now)
        } else {
            None
        }
    }

    /// Asks the server by `look`, and keeps what it says. `None`: not in a way that the server would tell of
    /// changes. Must be called within a Tokio runtime.
    pub(crate) async fn read(
        self: &Arc<Self>,
        key: &str,
        look: Cmd,
    ) -> Option<Result<Option<Bytes>>> {
        self.start();
        if !self.pulse.is_felt(Instant::now()) {
            return None;
        }
        // In this order: if the connection is lost in between, the answer is too late to be kept.
        let asked = self.store.asking();
        let tracked = self.tracked()?;
        let reading = tracked.read(key, look).await;
        Some(reading.map(|reading| {
            let reading = reading?;
            let value = reading.value.clone();
            self.store.keep(key, asked, reading);
            Some(value)
        }))
    }

    /// What was read under `key` until now is not served any more, also if it is still on its way.
    pub(crate) fn forget(&self, key: &str) {
        self.store.forget(key);
    }

    pub(crate) fn forget_tags(&self, tags: &[String]) {
        tags.iter()
            .for_each(|tag| self.store.forget_tag(tag.as_bytes()));
    }

    pub(crate) fn clear(&self) {
        self.store.clear();
    }

    fn start(self: &Arc<Self>) {
        if !self.is_tended.load(Ordering::Acquire) && !self.is_tended.swap(true, Ordering::AcqRel) {
            tokio::spawn(tend(Tending(Arc::downgrade(self))));
        }
    }

    fn tracked(&self) -> Option<Tracked> {
        self.tracked
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes sure that the server is heard. How long that will do.
    async fn look_after(self: &Arc<Self>) -> Duration {
        let outcome = match self.tracked() {
            Some(tracked) => self.beat(&tracked).await,
            None => self.connect().await,
        };
        match outcome {
            Ok(()) => self.pulse.pause(),
            Err(error) => {
                tracing::debug!(cache = %self.settings.name, %error, "nothing is served by the near cache");
                self.settings.probe_every.max(self.pulse.pause())
            }
        }
    }

    async fn beat(self: &Arc<Self>, tracked: &Tracked) -> Result<()> {
        let asked = Instant::now();
        match tracked.beat(self.pulse.lasts()).await {
            Ok(()) => {
                self.pulse.felt(asked);
                Ok(())
            }
            Err(_) => {
                self.lose(tracked.number);
                self.connect().await
            }
        }
    }

    async fn connect(self: &Arc<Self>) -> Result<()> {
        let limit = self.settings.connect_timeout;
        let opening = tokio::time::timeout(limit, self.open());
        let tracked = opening.await.unwrap_or(Err(Error::Timeout(limit)))?;
        let before = self.store.asking();
        let tag = tracked.invalidate_nothing().await?;
        let beat = Instant::now();
        tracked.beat(self.pulse.lasts()).await?;
        if !self.store.has_forgotten_tag(tag.as_bytes(), before) {
            return Err(Error::Config(
                "the server does not publish invalidations".to_owned(),
            ));
        }
        *self.tracked.write().unwrap_or_else(PoisonError::into_inner) = Some(tracked);
        self.pulse.felt(beat);
        Ok(())
    }

    async fn open(self: &Arc<Self>) -> Result<Tracked> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let near = Arc::downgrade(self);
        let listener = move |push| {
            if let Some(near) = near.upgrade() {
                near.hear(push, number);
            }
        };
        Tracked::open(&self.servers, &self.settings, number, listener).await
    }

    fn hear(&self, push: PushInfo, connection: u64) {
        match Change::of(push) {
            Change::Keys(keys) => keys.iter().for_each(|key| self.store.forget(key)),
            Change::Tag(tag) => self.store.forget_tag(&tag),
            Change::All => self.store.clear(),
            Change::Disconnected => self.lose(connection),
            Change::None => {}
        }
    }

    /// Without the connection nobody tells what has changed.
    fn lose(&self, connection: u64) {
        let mut tracked = self.tracked.write().unwrap_or_else(PoisonError::into_inner);
        if tracked.as_ref().is_some_and(|it| it.number == connection) {
            *tracked = None;
            self.pulse.stops();
            self.store.clear();
            self.lost.notify_one();
        }
    }
}

/// Held by the task that looks after the connection. If it ends with its runtime, the next reader starts
/// another.
struct Tending(Weak<Near>);

impl Drop for Tending {
    fn drop(&mut self) {
        let Some(near) = self.0.upgrade() else { return };
        if let Some(tracked) = near.tracked() {
            near.lose(tracked.number);
        }
        near.is_tended.store(false, Ordering::Release);
    }
}

/// Until the cache is gone.
async fn tend(tending: Tending) {
    while let Some(near) = tending.0.upgrade() {
        let pause = near.look_after().await;
        let lost = Arc::clone(&near.lost);
        drop(near);
        // Either way there is something to do now.
        let _ = tokio::time::timeout(pause, lost.notified()).await;
    }
}
