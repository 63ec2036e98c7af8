//! Threads in the background.

use std::thread;

/// Runs `work` in a thread of its own. Without one, it is dropped: nothing here depends on it.
pub(crate) fn detach(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(work) {
        tracing::warn!(%error, name, "no thread");
    }
}
