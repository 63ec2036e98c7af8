//! Keys that are open.

use super::block::{Block, fetch_ahead, handle_of_value};
use super::ctx::Ctx;
use super::data_type;
use super::string::Str;
use larder_core::entry::Handle;
use redis_module::raw;
use std::marker::PhantomData;
use std::os::raw::c_int;

/// How a key is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To look. Counts as a keyspace hit or miss.
    Read,
    /// To look without anybody noticing, as far as the server can do that.
    Peek,
    /// To change. Closing it tells WATCH and CLIENT TRACKING that it changed.
    Write,
}

impl Mode {
    fn bits(self) -> c_int {
        let bits = match self {
            Self::Read => raw::REDISMODULE_READ,
            // NOSTATS and NOEFFECTS are newer than 7.0, which ignores them.
            Self::Peek => {
                raw::REDISMODULE_READ
                    | raw::REDISMODULE_OPEN_KEY_NOTOUCH
                    | raw::REDISMODULE_OPEN_KEY_NOSTATS
                    | raw::REDISMODULE_OPEN_KEY_NOEFFECTS
            }
            Self::Write => raw::REDISMODULE_READ | raw::REDISMODULE_WRITE,
        };
        bits.cast_signed()
    }
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nothing.
    Nothing,
    /// An entry of ours.
    Entry(Handle),
    /// A value of another type.
    Other,
}

/// A key that is open, until dropped.
pub(crate) struct Key<'a> {
    ptr: *mut raw::RedisModuleKey,
    name: Str<'a>,
    borrow: PhantomData<&'a ()>,
}

impl<'a> Key<'a> {
    pub(super) fn open(ctx: Ctx<'a>, name: Str<'a>, mode: Mode) -> Self {
        // SAFETY: context and name are valid. The result is null for a missing key opened to look,
        // which the functions below accept or never get.
        let ptr = unsafe {
            call!(RedisModule_OpenKey(
                ctx.as_ptr(),
                name.as_ptr(),
                mode.bits()
            ))
        };
        Self {
            ptr: ptr.cast(),
            name,
            borrow: PhantomData,
        }
    }

    pub(crate) fn name(&self) -> Str<'a> {
        self.name
    }

    pub(crate) fn held(&self) -> Held {
        // SAFETY: the key is open. If it is of our type, its value came from `Block::into_value`.
        unsafe {
            // For a key that holds nothing, too, the server says that the type is none.
            if call!(RedisModule_ModuleTypeGetType(self.ptr)) == data_type::get() {
                let value = call!(RedisModule_ModuleTypeGetValue(self.ptr));
                fetch_ahead(value);
                return handle_of_value(value).map_or(Held::Nothing, Held::Entry);
            }
            if call!(RedisModule_KeyType(self.ptr)) == raw::REDISMODULE_KEYTYPE_EMPTY as c_int {
                Held::Nothing
            } else {
                Held::Other
            }
        }
    }

    /// The database of the key; none if it was opened to look and is not there.
    pub(crate) fn db(&self) -> Option<i32> {
        // SAFETY: the key is open, or null, for which the server gives a negative number.
        let db = unsafe { call!(RedisModule_GetDbIdFromModuleKey(self.ptr)) };
        (db >= 0).then_some(db)
    }

    /// The key's Redis expiry, unix ms.
    pub(crate) fn end_ms(&self) -> Option<i64> {
        if self.ptr.is_null() {
            return None;
        }
        // SAFETY: the key is open and there.
        let end = unsafe { call!(RedisModule_GetAbsExpire(self.ptr)) };
        (end != i64::from(raw::REDISMODULE_NO_EXPIRE)).then_some(end)
    }

    /// Sets or removes the expiry. The key must be open to be changed, and hold something.
    pub(crate) fn set_end_ms(&self, end: Option<i64>) {
        let end = end.map_or(i64::from(raw::REDISMODULE_NO_EXPIRE), |end| end.max(0));
        // SAFETY: the key is open; the server refuses what it can't do.
        unsafe { call!(RedisModule_SetAbsExpire(self.ptr, end)) };
    }

    /// Makes an entry the key's value, whatever the key held. Its expiry is removed.
    pub(crate) fn put(&self, block: Block) {
        // SAFETY: the key is open to be changed, the value is of our type and ours to give.
        unsafe {
            call!(RedisModule_ModuleTypeSetValue(
                self.ptr,
                data_type::get(),
                block.into_value()
            ))
        };
    }

    /// Makes an entry the key's value in place of the entry it holds, which is returned. Expiry and
    /// LFU counter stay; nobody is notified.
    pub(crate) fn replace(&self, block: Block) -> Option<Block> {
        let mut old = std::ptr::null_mut();
        // SAFETY: the key is open to be changed and holds an entry, which becomes ours.
        unsafe {
            let value = block.into_value();
            let done = call!(RedisModule_ModuleTypeReplaceValue(
                self.ptr,
                data_type::get(),
                value,
                &raw mut old
            ));
            // If the server refused, the new one is still ours, to be dropped.
            Block::from_value(if done == raw::REDISMODULE_OK as c_int {
                old
            } else {
                value
            })
        }
    }

    /// Removes the key. Large values are freed in the background.
    pub(crate) fn unlink(&self) {
        // SAFETY: the key is open to be changed.
        unsafe { call!(RedisModule_UnlinkKey(self.ptr)) };
    }
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // SAFETY: open, and not used after this.
        unsafe { call!(RedisModule_CloseKey(self.ptr)) };
    }
}
