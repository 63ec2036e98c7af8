//! The data type's table of callbacks.

use super::block::{Block, Heap, handle_of_value, heap_bytes};
use super::ctx::Ctx;
use super::guard::guard;
use super::io::{Digest, Io};
use super::string::Str;
use crate::data_type::{self, Place};
use larder_core::entry::Arena;
use redis_module::raw;
use std::os::raw::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Exactly nine characters, as the server demands.
const NAME: &std::ffi::CStr = c"cache-ent";

/// Stands in each payload; a server with another is refused by the server itself.
const ENCODING: c_int = 1;

static TYPE: AtomicPtr<raw::RedisModuleType> = AtomicPtr::new(null_mut());

/// The registered type.
pub(super) fn get() -> *mut raw::RedisModuleType {
    TYPE.load(Ordering::Relaxed)
}

/// Registers the type. Whether that worked.
pub(crate) fn register(ctx: Ctx<'_>) -> bool {
    let mut methods = raw::RedisModuleTypeMethods {
        version: u64::from(raw::REDISMODULE_TYPE_METHOD_VERSION),
        rdb_load: Some(rdb_load),
        rdb_save: Some(rdb_save),
        aof_rewrite: Some(aof_rewrite),
        digest: Some(digest),
        free: Some(free),
        unlink2: Some(unlink2),
        copy2: Some(copy2),
        mem_usage2: Some(mem_usage2),
        free_effort2: Some(free_effort2),
        // Nothing besides the keys is saved: a snapshot without entries loads without the module.
        aux_load: None,
        aux_save: None,
        aux_save2: None,
        aux_save_triggers: 0,
        // Blocks are found by their address: the server may not move them.
        defrag: None,
        // Superseded by the functions with a 2, which Redis 7.0 has.
        mem_usage: None,
        free_effort: None,
        unlink: None,
        copy: None,
    };
    // SAFETY: the table is copied by the server, the functions live for ever.
    let created = unsafe {
        call!(RedisModule_CreateDataType(
            ctx.as_ptr(),
            NAME.as_ptr(),
            ENCODING,
            &raw mut methods
        ))
    };
    TYPE.store(created, Ordering::Relaxed);
    !created.is_null()
}

unsafe extern "C" fn rdb_load(io: *mut raw::RedisModuleIO, encoding: c_int) -> *mut c_void {
    // SAFETY: usable for this call.
    let io = unsafe { Io::new(io) };
    if encoding != ENCODING {
        io.log(&format!(
            "cache entry: encoding {encoding} is not known, only {ENCODING}: it takes the release that wrote it"
        ));
        return null_mut();
    }
    guard(|| data_type::load(io))
        .flatten()
        .map_or(null_mut(), Block::into_value)
}

unsafe extern "C" fn rdb_save(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: usable for this call; the value is an entry.
    let (io, handle) = unsafe { (Io::new(io), handle_of_value(value)) };
    guard(|| handle.map(|handle| data_type::save(io, handle)));
}

unsafe extern "C" fn aof_rewrite(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    // SAFETY: usable for this call; the value is an entry.
    let (io, key, handle) = unsafe { (Io::new(io), Str::from_ptr(key), handle_of_value(value)) };
    guard(|| {
        key.zip(handle)
            .map(|(key, handle)| data_type::rewrite(io, key, handle))
    });
}

unsafe extern "C" fn digest(digest: *mut raw::RedisModuleDigest, value: *mut c_void) {
    // SAFETY: usable for this call; the value is an entry.
    let (digest, handle) = unsafe { (Digest::new(digest), handle_of_value(value)) };
    guard(|| handle.map(|handle| data_type::digest(digest, handle)));
}

/// May run on a background thread, so it touches nothing but the block.
unsafe extern "C" fn free(value: *mut c_void) {
    // SAFETY: the server gives the entry back.
    drop(unsafe { Block::from_value(value) });
}

unsafe extern "C" fn unlink2(ctx: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) {
    // SAFETY: usable for this call; the value is an entry.
    let (place, handle) = unsafe { (from(ctx), handle_of_value(value.cast_mut())) };
    guard(|| {
        place
            .zip(handle)
            .map(|(place, handle)| data_type::unlink(place, handle))
    });
}

unsafe extern "C" fn copy2(
    ctx: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
) -> *mut c_void {
    // SAFETY: usable for this call; the value is an entry.
    let (places, handle) = unsafe { (from(ctx).zip(to(ctx)), handle_of_value(value.cast_mut())) };
    let copy = |((from, to), handle)| data_type::copy(from, to, handle);
    // Null makes COPY fail with an error.
    guard(|| places.zip(handle).and_then(copy))
        .flatten()
        .map_or(null_mut(), Block::into_value)
}

unsafe extern "C" fn mem_usage2(
    _: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
    _samples: usize,
) -> usize {
    // SAFETY: the value is an entry.
    let handle = unsafe { handle_of_value(value.cast_mut()) };
    guard(|| handle.map_or(0, heap_bytes)).unwrap_or(0)
}

/// Above 64 the server frees in the background where it may; 0 would mean always.
unsafe extern "C" fn free_effort2(
    _: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
) -> usize {
    // SAFETY: the value is an entry.
    let handle = unsafe { handle_of_value(value.cast_mut()) };
    guard(|| handle.map_or(0, |handle| Heap.entry(handle).value().len() / 1_024)).unwrap_or(0) + 1
}

/// # Safety
/// `ctx` must be usable for `'a`.
unsafe fn from<'a>(ctx: *mut raw::RedisModuleKeyOptCtx) -> Option<Place<'a>> {
    // SAFETY: usable; the name lives as long.
    unsafe {
        let key = Str::from_ptr(call!(RedisModule_GetKeyNameFromOptCtx(ctx)))?;
        Some(Place {
            db: call!(RedisModule_GetDbIdFromOptCtx(ctx)),
            key: key.bytes(),
        })
    }
}

/// # Safety
/// `ctx` must be usable for `'a`.
unsafe fn to<'a>(ctx: *mut raw::RedisModuleKeyOptCtx) -> Option<Place<'a>> {
    // SAFETY: usable; the name lives as long.
    unsafe {
        let key = Str::from_ptr(call!(RedisModule_GetToKeyNameFromOptCtx(ctx)))?;
        Some(Place {
            db: call!(RedisModule_GetToDbIdFromOptCtx(ctx)),
            key: key.bytes(),
        })
    }
}
