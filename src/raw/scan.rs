//! Walking a database from end to end.

use super::block::handle_of_value;
use super::ctx::Ctx;
use super::data_type;
use super::string::Str;
use larder_core::entry::Handle;
use redis_module::raw;
use std::os::raw::c_void;

/// A key with an entry, as found on the way.
type Found<'f> = &'f mut dyn FnMut(&[u8], Handle);

/// Shows every key of the selected database that holds an entry, expired ones included, without
/// touching any. The function must not change keys, nor panic.
pub(crate) fn entries(ctx: Ctx<'_>, mut each: impl FnMut(&[u8], Handle)) {
    let mut each: Found<'_> = &mut each;
    // SAFETY: the cursor is ours for the time of the walk, which ends when the server says so.
    // `visit` gets a pointer to `each`, which outlives the walk.
    unsafe {
        let cursor = call!(RedisModule_ScanCursorCreate());
        let each = (&raw mut each).cast::<c_void>();
        while call!(RedisModule_Scan(ctx.as_ptr(), cursor, Some(visit), each)) != 0 {}
        call!(RedisModule_ScanCursorDestroy(cursor));
    }
}

/// # Safety
/// For the server to call, with the key open and `each` as passed by [`entries`].
unsafe extern "C" fn visit(
    _: *mut raw::RedisModuleCtx,
    name: *mut raw::RedisModuleString,
    key: *mut raw::RedisModuleKey,
    each: *mut c_void,
) {
    // SAFETY: name and key are valid until we return; a value of our type came from us.
    unsafe {
        if key.is_null() || call!(RedisModule_ModuleTypeGetType(key)) != data_type::get() {
            return;
        }
        let handle = handle_of_value(call!(RedisModule_ModuleTypeGetValue(key)));
        if let (Some(name), Some(handle)) = (Str::from_ptr(name), handle) {
            (*each.cast::<Found<'_>>())(name.bytes(), handle);
        }
    }
}
