//! What replicas and the AOF are told: effects with absolute times, never what was asked for.

use crate::commands::Call;
use crate::raw::argv::Lent;
use crate::raw::ctx::Ctx;
use crate::raw::string::{OwnStr, Str};
use larder_core::command::apply::ApplySet;
use smallvec::SmallVec;

/// A key was removed.
pub(crate) fn unlink(ctx: Ctx<'_>, name: Str<'_>) {
    ctx.replicate(c"UNLINK", &[name.as_ptr()]);
}

/// Keys were removed: one command for all of them.
pub(crate) fn unlink_all(ctx: Ctx<'_>, names: &[OwnStr]) {
    if !names.is_empty() {
        ctx.replicate(c"UNLINK", &OwnStr::pointers(names));
    }
}

/// An entry was stored by a call. What the client sent is passed on without copying.
pub(crate) fn set(call: Call<'_>, effect: &ApplySet<'_>) {
    let (mut strings, times) = (call.argv.strings(), OwnStr::new(&effect.times()));
    let (key, value) = (strings.lend(effect.key), strings.lend(effect.value));
    let tags: SmallVec<[Lent<'_>; 8]> = effect.tags.iter().map(|tag| strings.lend(tag)).collect();
    let mut pointers: SmallVec<[_; 16]> = SmallVec::new();
    pointers.extend([
        key.get().as_ptr(),
        value.get().as_ptr(),
        times.get().as_ptr(),
    ]);
    pointers.extend(tags.iter().map(|tag| tag.get().as_ptr()));
    call.ctx.replicate(c"CACHE.APPLYSET", &pointers);
}

/// An entry's tags were replaced.
pub(crate) fn tags<'t>(ctx: Ctx<'_>, key: Str<'_>, tags: impl Iterator<Item = &'t [u8]>) {
    let strings: Vec<OwnStr> = tags.map(OwnStr::new).collect();
    let mut pointers = vec![key.as_ptr()];
    pointers.extend(OwnStr::pointers(&strings));
    ctx.replicate(c"CACHE.APPLYTAGS", &pointers);
}

/// Tags were invalidated, or marked stale, at a time.
pub(crate) fn touched<'t>(
    ctx: Ctx<'_>,
    command: &std::ffi::CStr,
    at_ms: i64,
    tags: impl Iterator<Item = &'t [u8]>,
) {
    let mut strings = vec![OwnStr::new(at_ms.to_string().as_bytes())];
    strings.extend(tags.map(OwnStr::new));
    ctx.replicate(command, &OwnStr::pointers(&strings));
}

/// A key's expiry was set or removed.
pub(crate) fn expiry(ctx: Ctx<'_>, key: Str<'_>, end_ms: Option<i64>) {
    match end_ms {
        Some(end_ms) => {
            let end = OwnStr::new(end_ms.to_string().as_bytes());
            ctx.replicate(c"PEXPIREAT", &[key.as_ptr(), end.get().as_ptr()]);
        }
        None => ctx.replicate(c"PERSIST", &[key.as_ptr()]),
    }
}
