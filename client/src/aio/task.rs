//! Tasks that outlive who waits for them.

use tokio::task::JoinHandle;

/// What a task comes to, as if its work were done here: its panic is the caller's.
pub(crate) async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(outcome) => outcome,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and drops this caller as well.
            Err(_) => std::future::pending().await,
        },
    }
}
