//! Clients that wait for their answer.

use super::argv::Argv;
use super::ctx::Ctx;
use super::guard::guard;
use crate::waiters::{self, Answer};
use redis_module::raw;
use std::os::raw::{c_int, c_void};
use std::ptr::NonNull;

const OK: c_int = raw::REDISMODULE_OK as c_int;

/// A client that is blocked. To be answered exactly once.
#[derive(Debug)]
pub(crate) struct Blocked(NonNull<raw::RedisModuleBlockedClient>);

impl Blocked {
    /// Blocks the caller until it is answered.
    ///
    /// Without a timeout of the server's: a client that is answered in the same round of the server
    /// in which its timeout is noticed would get no reply at all (Redis 7.0 unblocks it and drops
    /// the answer). Patience is ours to watch.
    pub(crate) fn block(ctx: Ctx<'_>) -> Option<Self> {
        // SAFETY: the context is usable and the caller may block; the callbacks below keep to what
        // the server expects: the client is unblocked exactly once, whichever of them runs.
        let blocked = unsafe {
            call!(RedisModule_BlockClient(
                ctx.as_ptr(),
                Some(answered),
                Some(let_go),
                Some(free_answer),
                0
            ))
        };
        let blocked = Self(NonNull::new(blocked)?);
        // SAFETY: just blocked.
        unsafe {
            call!(RedisModule_SetDisconnectCallback(
                blocked.0.as_ptr(),
                Some(disconnected)
            ));
        };
        Some(blocked)
    }

    /// A number no other blocked client has meanwhile.
    pub(crate) fn id(&self) -> u64 {
        id_of(self.0.as_ptr())
    }

    /// Answers it; the reply is sent at the end of the server's present round.
    pub(crate) fn answer(self, answer: Answer) {
        let data = Box::into_raw(Box::new(answer));
        // SAFETY: blocked until now, and this value is given up. The server hands the data to
        // `answered` and then to `free_answer`.
        unsafe { call!(RedisModule_UnblockClient(self.0.as_ptr(), data.cast())) };
    }

    /// Lets go of a client that was let go or has gone before it was answered. (One that is answered
    /// and goes before the answer is sent must not be released again: the server would free it
    /// twice.)
    fn release(blocked: *mut raw::RedisModuleBlockedClient) {
        // SAFETY: the server's rule: also after a timeout or disconnection the handle is to be
        // released, and only then is it freed.
        unsafe { call!(RedisModule_UnblockClient(blocked, std::ptr::null_mut())) };
    }
}

fn id_of(blocked: *mut raw::RedisModuleBlockedClient) -> u64 {
    blocked.addr() as u64
}

unsafe extern "C" fn answered(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the context is usable, the arguments are those of the call that blocked, and the data
    // is the box that `answer` gave up, which nobody else uses until `free_answer`.
    guard(|| unsafe {
        let data: *mut Answer = call!(RedisModule_GetBlockedClientPrivateData(ctx)).cast();
        if let Some(answer) = data.as_mut() {
            answer.deliver(Ctx::new(ctx), Argv::new(argv, argc));
        }
    });
    OK
}

/// For `CLIENT UNBLOCK`, which takes the place of a timeout.
unsafe extern "C" fn let_go(
    ctx: *mut raw::RedisModuleCtx,
    _: *mut *mut raw::RedisModuleString,
    _: c_int,
) -> c_int {
    // SAFETY: the context is usable and belongs to a blocked client.
    unsafe {
        let blocked = call!(RedisModule_GetBlockedClientHandle(ctx));
        if guard(|| waiters::let_go(Ctx::new(ctx), id_of(blocked))) == Some(true) {
            Blocked::release(blocked);
        }
    }
    OK
}

unsafe extern "C" fn disconnected(
    _: *mut raw::RedisModuleCtx,
    blocked: *mut raw::RedisModuleBlockedClient,
) {
    if guard(|| waiters::disconnected(id_of(blocked))) == Some(true) {
        Blocked::release(blocked);
    }
}

unsafe extern "C" fn free_answer(_: *mut raw::RedisModuleCtx, data: *mut c_void) {
    if data.is_null() {
        return;
    }
    // SAFETY: the box that `answer` gave up; the server calls this once.
    guard(|| unsafe { drop(Box::from_raw(data.cast::<Answer>())) });
}
