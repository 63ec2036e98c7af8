//! Timers: to be called again, once.

use super::ctx::Ctx;
use super::guard::guard;
use crate::tick;
use redis_module::raw;
use std::os::raw::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A context that can be used outside of any call, to start timers from callbacks that have none.
static DETACHED: AtomicPtr<raw::RedisModuleCtx> = AtomicPtr::new(std::ptr::null_mut());

/// To be called when the module is loaded.
pub(crate) fn prepare(ctx: Ctx<'_>) {
    // SAFETY: the context is usable; the new one is never freed.
    let detached = unsafe { call!(RedisModule_GetDetachedThreadSafeContext(ctx.as_ptr())) };
    DETACHED.store(detached, Ordering::Relaxed);
}

/// Has [`tick::tick`] called in `delay_ms`. Returns the timer's number.
pub(crate) fn start(delay_ms: u64) -> u64 {
    let ctx = DETACHED.load(Ordering::Relaxed);
    let delay = i64::try_from(delay_ms).unwrap_or(i64::MAX);
    // SAFETY: the context lives for ever; the callback takes no data. We hold the server's lock.
    unsafe {
        call!(RedisModule_CreateTimer(
            ctx,
            delay,
            Some(fired),
            std::ptr::null_mut()
        ))
    }
}

/// Stops a timer that has not fired yet.
pub(crate) fn stop(timer: u64) {
    let ctx = DETACHED.load(Ordering::Relaxed);
    // SAFETY: the context lives for ever; the server looks the number up, there is no data.
    unsafe {
        call!(RedisModule_StopTimer(ctx, timer, std::ptr::null_mut()));
    }
}

/// Uses the detached context where a callback brings none.
pub(crate) fn with_detached<R>(f: impl FnOnce(Ctx<'_>) -> R) -> R {
    // SAFETY: the context lives for ever.
    f(unsafe { Ctx::new(DETACHED.load(Ordering::Relaxed)) })
}

unsafe extern "C" fn fired(ctx: *mut raw::RedisModuleCtx, _data: *mut c_void) {
    // SAFETY: the context is usable for this call.
    guard(|| tick::tick(unsafe { Ctx::new(ctx) }));
}
