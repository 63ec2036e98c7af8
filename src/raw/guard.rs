//! No panic reaches the server.

use crate::{commands, state};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs what the server called us for. A bug in it ends here: everything cached counts as dead from
/// then on (half an update may have happened), and `None` is returned.
#[inline]
pub(crate) fn guard<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(_) => {
            let _ = catch_unwind(state::start_over);
            commands::log_bug();
            None
        }
    }
}
