//! What the server tells us about.

use super::ctx::Ctx;
use super::guard::guard;
use super::io::OK;
use super::string::Str;
use crate::events;
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};

/// Subscribes to everything Larder needs to know. Whether that worked.
pub(crate) fn subscribe(ctx: Ctx<'_>) -> bool {
    let classes = raw::REDISMODULE_NOTIFY_GENERIC | raw::REDISMODULE_NOTIFY_LOADED;
    // SAFETY: the functions live for ever.
    let mut done = unsafe {
        call!(RedisModule_SubscribeToKeyspaceEvents(
            ctx.as_ptr(),
            classes as c_int,
            Some(on_key)
        )) == OK
    };
    for (id, callback) in SERVER_EVENTS {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: as above.
        done &= unsafe {
            call!(RedisModule_SubscribeToServerEvent(
                ctx.as_ptr(),
                event,
                Some(callback)
            )) == OK
        };
    }
    done
}

type Callback =
    unsafe extern "C" fn(*mut raw::RedisModuleCtx, raw::RedisModuleEvent, u64, *mut c_void);

const SERVER_EVENTS: [(u64, Callback); 6] = [
    (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, on_role),
    (raw::REDISMODULE_EVENT_FLUSHDB, on_flush),
    (raw::REDISMODULE_EVENT_LOADING, on_loading),
    (raw::REDISMODULE_EVENT_CLIENT_CHANGE, on_client),
    (raw::REDISMODULE_EVENT_SWAPDB, on_swap),
    (raw::REDISMODULE_EVENT_CRON_LOOP, on_cron),
];

unsafe extern "C" fn on_key(
    ctx: *mut raw::RedisModuleCtx,
    _class: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: all three are valid for this call.
    let (ctx, event, key) = unsafe { (Ctx::new(ctx), CStr::from_ptr(event), Str::from_ptr(key)) };
    guard(|| key.map(|key| events::key(ctx, event.to_bytes(), key)));
    OK
}

unsafe extern "C" fn on_role(
    _: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    role: u64,
    _: *mut c_void,
) {
    if role == raw::REDISMODULE_EVENT_REPLROLECHANGED_NOW_MASTER {
        guard(events::promoted);
    } else {
        guard(events::demoted);
    }
}

unsafe extern "C" fn on_flush(
    _: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    phase: u64,
    data: *mut c_void,
) {
    if phase != raw::REDISMODULE_SUBEVENT_FLUSHDB_START {
        return;
    }
    // SAFETY: this event brings this structure.
    let db = unsafe { data.cast::<raw::RedisModuleFlushInfoV1>().as_ref() }
        .map_or(-1, |info| info.dbnum);
    guard(|| events::flushed((db >= 0).then_some(db)));
}

unsafe extern "C" fn on_loading(
    _: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    phase: u64,
    _: *mut c_void,
) {
    let source = match phase {
        raw::REDISMODULE_SUBEVENT_LOADING_RDB_START => Some(events::Source::Snapshot),
        raw::REDISMODULE_SUBEVENT_LOADING_AOF_START => Some(events::Source::Aof),
        raw::REDISMODULE_SUBEVENT_LOADING_REPL_START => Some(events::Source::Primary),
        _ => None,
    };
    guard(|| events::loading(source));
}

unsafe extern "C" fn on_client(
    _: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    phase: u64,
    data: *mut c_void,
) {
    if phase != raw::REDISMODULE_SUBEVENT_CLIENT_CHANGE_DISCONNECTED {
        return;
    }
    // SAFETY: this event brings this structure.
    if let Some(info) = unsafe { data.cast::<raw::RedisModuleClientInfoV1>().as_ref() } {
        guard(|| events::client_gone(info.id));
    }
}

unsafe extern "C" fn on_swap(
    _: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    _: u64,
    data: *mut c_void,
) {
    // SAFETY: this event brings this structure.
    if let Some(info) = unsafe { data.cast::<raw::RedisModuleSwapDbInfoV1>().as_ref() } {
        guard(|| events::swapped(info.dbnum_first, info.dbnum_second));
    }
}

unsafe extern "C" fn on_cron(
    _: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    _: u64,
    _: *mut c_void,
) {
    guard(events::running);
}
