//! `INFO cache`: the same as `CACHE.STATS`.

use crate::state;
use larder_core::stats::{self, Field};

/// Everything counted and measured, for the whole server.
pub(crate) fn fields() -> Vec<Field> {
    state::with(|state| stats::fields(state.stats.total(), Some(&state.gauges())))
}
