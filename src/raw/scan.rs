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

/// How far a walk through a database has come.
pub(crate) struct Walk(*mut raw::RedisModuleScanCursor);

impl Walk {
    /// A walk that has not begun.
    pub(crate) fn new() -> Self {
        // SAFETY: takes nothing.
        Self(unsafe { call!(RedisModule_ScanCursorCreate()) })
    }

    /// Shows some more keys of the selected database that hold an entry, expired ones included,
    /// without touching any. Whether there may be others. The function must not change keys, nor
    /// panic.
    pub(crate) fn go_on(&mut self, ctx: Ctx<'_>, mut each: impl FnMut(&[u8], Handle)) -> bool {
        let mut each: Found<'_> = &mut each;
        let each = (&raw mut each).cast::<c_void>();
        // SAFETY: the cursor is ours. `visit` gets a pointer to `each`, which outlives the call.
        unsafe { call!(RedisModule_Scan(ctx.as_ptr(), self.0, Some(visit), each)) != 0 }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        // SAFETY: ours, and not used after this.
        unsafe { call!(RedisModule_ScanCursorDestroy(self.0)) };
    }
}

/// Shows every key of the selected database that holds an entry, as [`Walk`] does.
pub(crate) fn entries(ctx: Ctx<'_>, mut each: impl FnMut(&[u8], Handle)) {
    let mut walk = Walk::new();
    while walk.go_on(ctx, &mut each) {}
}

/// # Safety
/// For the server to call, with the key open and `each` as passed by [`Walk::go_on`].
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
