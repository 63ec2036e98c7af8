//! x
use super::ctx::Ctx;
pub(crate) fn register(_ctx: Ctx<'_>) -> bool {
    true
}
