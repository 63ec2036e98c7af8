//! Strings of the server.

use super::ctx::Ctx;
use redis_module::raw;
use std::marker::PhantomData;
use std::os::raw::c_char;
use std::ptr::NonNull;

/// A string the server lends us for the length of a call.
#[derive(Clone, Copy)]
pub(crate) struct Str<'a> {
    ptr: NonNull<raw::RedisModuleString>,
    borrow: PhantomData<&'a ()>,
}

impl<'a> Str<'a> {
    /// # Safety
    /// The string must live, unchanged, for `'a`.
    pub(crate) unsafe fn from_ptr(ptr: *const raw::RedisModuleString) -> Option<Self> {
        NonNull::new(ptr.cast_mut()).map(|ptr| Self {
            ptr,
            borrow: PhantomData,
        })
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        let mut len = 0;
        // SAFETY: the string lives for 'a; the server returns its bytes and their number.
        unsafe {
            let start = call!(RedisModule_StringPtrLen(self.ptr.as_ptr(), &raw mut len));
            if start.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(start.cast::<u8>(), len)
            }
        }
    }

    pub(crate) fn as_ptr(self) -> *mut raw::RedisModuleString {
        self.ptr.as_ptr()
    }
}

/// A string of our own, as the server's functions want them.
pub(crate) struct OwnStr(NonNull<raw::RedisModuleString>);

impl OwnStr {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        // SAFETY: copies the bytes. Without a context the string is ours to free.
        let ptr = unsafe {
            call!(RedisModule_CreateString(
                std::ptr::null_mut(),
                bytes.as_ptr().cast::<c_char>(),
                bytes.len()
            ))
        };
        match NonNull::new(ptr) {
            Some(ptr) => Self(ptr),
            None => unreachable!("the server aborts when it is out of memory"),
        }
    }

    /// Takes over a string that is ours to free.
    ///
    /// # Safety
    /// It must not be freed by anyone else (no automatic memory management).
    pub(crate) unsafe fn own(ptr: *mut raw::RedisModuleString) -> Option<Self> {
        NonNull::new(ptr).map(Self)
    }

    pub(crate) fn get(&self) -> Str<'_> {
        Str {
            ptr: self.0,
            borrow: PhantomData,
        }
    }

    /// The pointers of several, as the server takes an array of strings.
    pub(crate) fn pointers(strings: &[Self]) -> Vec<*mut raw::RedisModuleString> {
        strings.iter().map(|string| string.0.as_ptr()).collect()
    }
}

impl Drop for OwnStr {
    fn drop(&mut self) {
        // SAFETY: ours, and not used after this.
        unsafe { call!(RedisModule_FreeString(Ctx::NONE, self.0.as_ptr())) };
    }
}
