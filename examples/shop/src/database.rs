//! The source: SQLite behind a pool of connections, as slow as it is told to be.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::failure::Failure;

/// Queries that run at the same time; the others queue, as they do before any database.
const CONNECTIONS: usize = 8;

/// A database that counts its queries and takes its time for each.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    slots: Arc<Semaphore>,
    delay_ms: AtomicU64,
    queries: AtomicU64,
}

impl Database {
    /// Opens a new file, and lets `fill` put into it what there is to be asked for.
    ///
    /// # Errors
    /// [`Failure::Database`] if SQLite fails.
    pub(crate) fn create(
        path: PathBuf,
        delay: Duration,
        fill: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Arc<Self>, Failure> {
        let database = Self {
            path,
            idle: Mutex::default(),
            slots: Arc::new(Semaphore::new(CONNECTIONS)),
            delay_ms: AtomicU64::default(),
            queries: AtomicU64::default(),
        };
        database.set_delay(delay);
        database.with_connection(fill)?;
        Ok(Arc::new(database))
    }

    /// Runs one query, when a connection is free and the delay has passed.
    ///
    /// # Errors
    /// [`Failure::Database`] if SQLite fails.
    pub(crate) async fn query<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        self.queries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.delay()).await;
        let database = Arc::clone(self);
        let answered = spawn_blocking(move || {
            // Even if nobody waits for the answer any more, the connection is in use until it is there.
            let _slot = slot;
            database.with_connection(query)
        });
        let answer = answered
            .await
            .map_err(|ended| Failure::Machine(ended.to_string()))?;
        Ok(answer?)
    }

    /// How many queries there were.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// What each query takes at least.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(Ordering::Relaxed))
    }

    /// Changes what each query takes at least; whole milliseconds.
    pub fn set_delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.delay_ms.store(millis, Ordering::Relaxed);
    }

    fn with_connection<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let idle = self.idle().pop();
        let connection = idle.map_or_else(|| self.connect(), Ok)?;
        let answer = query(&connection);
        self.idle().push(connection);
        answer
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.path)?;
        // Readers need not wait for writers, and nothing needs to survive a power failure.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")?;
        Ok(connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
