//! Registering settings.

use super::ctx::Ctx;
use super::guard::guard;
use super::io::{ERR, OK, c_string};
use crate::config::{self, Settings};
use larder_core::config::{KNOBS, Kind, Knob, LoadPolicy};
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_longlong, c_void};
use std::ptr::null_mut;

/// Registers all settings and takes over what the configuration file says. `args` are those of
/// `loadmodule`: pairs of name and value, which become the defaults.
///
/// # Errors
/// A sentence about the first argument that is wrong.
pub(crate) fn register(ctx: Ctx<'_>, args: &[&[u8]]) -> Result<(), String> {
    let given = Settings::from_args(args)?;
    for knob in KNOBS {
        if !register_one(ctx, knob, given.get(knob)) {
            return Err(format!(
                "the server refuses the setting cache.{}",
                knob.name
            ));
        }
    }
    // SAFETY: the context is usable while the module is being loaded.
    match unsafe { call!(RedisModule_LoadConfigs(ctx.as_ptr())) } {
        OK => Ok(()),
        _ => Err("the settings in the configuration file are not all valid".to_owned()),
    }
}

fn register_one(ctx: Ctx<'_>, knob: &Knob, default: i64) -> bool {
    let name = c_string(knob.name);
    let (ctx, name, flags) = (ctx.as_ptr(), name.as_ptr(), raw::REDISMODULE_CONFIG_DEFAULT);
    // SAFETY: the functions live for ever, everything else is copied by the server.
    let done = unsafe {
        match knob.kind {
            Kind::Integer { least, most, .. } => call!(RedisModule_RegisterNumericConfig(
                ctx,
                name,
                default,
                flags,
                least,
                most,
                Some(get_number),
                Some(set_number),
                None,
                null_mut(),
            )),
            Kind::Bool { .. } => call!(RedisModule_RegisterBoolConfig(
                ctx,
                name,
                default as c_int,
                flags,
                Some(get_flag),
                Some(set_flag),
                None,
                null_mut(),
            )),
            Kind::Policy => register_policy(ctx, name, default, flags),
        }
    };
    done == OK
}

/// # Safety
/// Context and name must be usable.
unsafe fn register_policy(
    ctx: *mut raw::RedisModuleCtx,
    name: *const c_char,
    default: i64,
    flags: u32,
) -> c_int {
    let texts = LoadPolicy::ALL.map(|(name, _)| c_string(name));
    let mut names = texts.each_ref().map(|text| text.as_ptr());
    const COUNT: c_int = 3;
    let values: [c_int; LoadPolicy::ALL.len()] = [0, 1, 2];
    // SAFETY: the arrays are copied by the server.
    unsafe {
        call!(RedisModule_RegisterEnumConfig(
            ctx,
            name,
            default as c_int,
            flags,
            names.as_mut_ptr(),
            values.as_ptr(),
            COUNT,
            Some(get_flag),
            Some(set_flag),
            None,
            null_mut(),
        ))
    }
}

unsafe extern "C" fn get_number(name: *const c_char, _: *mut c_void) -> c_longlong {
    // SAFETY: the server gives the name that was registered.
    let name = unsafe { CStr::from_ptr(name) };
    guard(|| config::get(name.to_bytes())).unwrap_or(0)
}

unsafe extern "C" fn set_number(
    name: *const c_char,
    value: c_longlong,
    _: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: the server gives the name that was registered.
    let name = unsafe { CStr::from_ptr(name) };
    if guard(|| config::set(name.to_bytes(), value)) == Some(true) {
        OK
    } else {
        ERR
    }
}

unsafe extern "C" fn get_flag(name: *const c_char, data: *mut c_void) -> c_int {
    // SAFETY: same contract.
    unsafe { get_number(name, data) as c_int }
}

unsafe extern "C" fn set_flag(
    name: *const c_char,
    value: c_int,
    data: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: same contract.
    unsafe { set_number(name, value.into(), data, error) }
}
