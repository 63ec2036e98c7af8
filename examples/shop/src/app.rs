//! The application: a shop, its Redis, and what watches over both.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::routing::{get, post, put};
use axum::{Router, middleware};
use larder_client::Cache;

use crate::controls::{redis_switch, settings, stampede, tags, visitors::Visitors};
use crate::database::Database;
use crate::failure::Failure;
use crate::figures::{live, metrics, recent::Recent, stats};
use crate::server::RedisServer;
use crate::shop::Shop;
use crate::{catalogue, page, tables};

/// What is decided before the start.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What each query of the database takes at least.
    pub delay: Duration,
    /// How long Redis may take to answer.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(40),
            timeout: Duration::from_millis(250),
        }
    }
}

/// A running application. Its Redis and its files go with it.
pub struct App {
    pub(crate) shop: Arc<Shop>,
    pub(crate) redis: RedisServer,
    pub(crate) recent: Arc<Recent>,
    pub(crate) visitors: Visitors,
    /// The routes of the catalogue, for visitors that come from within.
    pub(crate) catalogue: Router,
    // Last, so that it is removed when nothing uses it any more.
    _directory: Directory,
}

impl App {
    /// Starts Redis, creates the database, and connects the two.
    ///
    /// # Errors
    /// If one of them can't be had.
    pub async fn start(settings: Settings) -> Result<Arc<Self>, Failure> {
        let directory = Directory::create()?;
        let redis = RedisServer::start(&directory.0).await?;
        let file = directory.0.join("shop.db");
        let database = Database::create(file, settings.delay, tables::create)?;
        let cache = Cache::builder(redis.url())
            .namespace("shop")
            .timeout(settings.timeout)
            .build()?;
        let shop = Shop::new(cache, database);
        let recent = Arc::new(Recent::default());
        let measured = middleware::from_fn_with_state(Arc::clone(&recent), Recent::measure);
        Ok(Arc::new(Self {
            catalogue: catalogue::router(Arc::clone(&shop)).layer(measured),
            shop,
            redis,
            recent,
            visitors: Visitors::default(),
            _directory: directory,
        }))
    }

    /// All routes: the catalogue, the figures, the controls, and the page.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/cache/stats", get(stats::read))
            .route("/metrics", get(metrics::read))
            .route("/live", get(live::read))
            .route("/cache/invalidate", post(tags::invalidate))
            .route("/stampede", post(stampede::run))
            .route("/settings", put(settings::change))
            .route("/redis", put(redis_switch::turn))
            .with_state(Arc::clone(self))
            .merge(page::router())
            .merge(self.catalogue.clone())
    }

    /// Lets `per_second` visitors in, and keeps figures of each second from now on. `host` is what
    /// they take the shop's address for.
    pub fn open(self: &Arc<Self>, per_second: u32, host: &str) {
        self.visitors.set_rate(per_second);
        tokio::spawn(Arc::clone(self).receive_visitors(host.to_owned()));
        tokio::spawn(Arc::clone(self).keep_figures());
    }

    /// The source behind the cache.
    pub fn database(&self) -> &Arc<Database> {
        &self.shop.database
    }

    /// The server of the cache.
    pub fn redis(&self) -> &RedisServer {
        &self.redis
    }
}

/// A directory that only this user can read, for the life of the application.
struct Directory(PathBuf);

impl Directory {
    fn create() -> Result<Self, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("larder-shop-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        create_private(&path).map_err(Failure::machine(path.display()))?;
        Ok(Self(path))
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What can't be removed is in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
