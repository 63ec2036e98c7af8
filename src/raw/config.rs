//! x
use super::ctx::Ctx;
pub(crate) fn register(_ctx: Ctx<'_>, _args: &[&[u8]]) -> Result<(), String> {
    Ok(())
}
