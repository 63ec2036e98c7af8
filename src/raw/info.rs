//! The module's section of `INFO`.

use super::ctx::Ctx;
use super::guard::guard;
use super::io::{OK, c_string};
use crate::state::{self, State};
use larder_core::stats::Value;
use redis_module::raw;
use std::os::raw::c_int;

/// Registers the section. Whether that worked.
pub(crate) fn register(ctx: Ctx<'_>) -> bool {
    // SAFETY: the function lives for ever.
    unsafe { call!(RedisModule_RegisterInfoFunc(ctx.as_ptr(), Some(on_info))) == OK }
}

unsafe extern "C" fn on_info(ctx: *mut raw::RedisModuleInfoCtx, for_crash_report: c_int) {
    if for_crash_report != 0 {
        // The crash may have happened in the middle of anything.
        return;
    }
    guard(|| {
        // SAFETY: usable for this call. An empty name gives a section named as the module.
        if unsafe { call!(RedisModule_InfoAddSection(ctx, std::ptr::null())) } != OK {
            return;
        }
        for field in state::with(State::report) {
            let name = c_string(&field.info_name());
            // SAFETY: as above.
            unsafe {
                match field.value {
                    Value::Integer(value) => {
                        call!(RedisModule_InfoAddFieldULongLong(ctx, name.as_ptr(), value))
                    }
                    Value::Ratio(value) => {
                        call!(RedisModule_InfoAddFieldDouble(ctx, name.as_ptr(), value))
                    }
                };
            }
        }
    });
}
