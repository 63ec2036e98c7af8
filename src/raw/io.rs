//! Reading and writing snapshots.

use super::string::Str;
use redis_module::raw;
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_void};

/// A snapshot being read or written.
#[derive(Clone, Copy)]
pub(crate) struct Io(*mut raw::RedisModuleIO);

/// Bytes read from a snapshot.
pub(crate) struct Buffer {
    start: *mut c_char,
    len: usize,
}

impl Io {
    /// # Safety
    /// `ptr` must be usable while this is used.
    pub(crate) unsafe fn new(ptr: *mut raw::RedisModuleIO) -> Self {
        Self(ptr)
    }

    pub(crate) fn db(self) -> i32 {
        // SAFETY: usable.
        unsafe { call!(RedisModule_GetDbIdFromIO(self.0)) }
    }

    /// The key that is being read or written.
    pub(crate) fn key(&self) -> &[u8] {
        // SAFETY: usable; the name lives as long.
        unsafe { Str::from_ptr(call!(RedisModule_GetKeyNameFromIO(self.0))) }
            .map_or(&[], Str::bytes)
    }

    pub(crate) fn save(self, bytes: &[u8]) {
        // SAFETY: copies the bytes.
        unsafe {
            call!(RedisModule_SaveStringBuffer(
                self.0,
                bytes.as_ptr().cast(),
                bytes.len()
            ));
        };
    }

    /// The next string; `None` if the payload ends too early or is corrupt.
    pub(crate) fn load(self) -> Option<Buffer> {
        let mut len = 0;
        // SAFETY: usable. IO errors are ours to handle (see `module::OPTIONS`): null.
        let start = unsafe { call!(RedisModule_LoadStringBuffer(self.0, &raw mut len)) };
        let buffer = (!start.is_null()).then_some(Buffer { start, len })?;
        // SAFETY: usable.
        (unsafe { call!(RedisModule_IsIOError(self.0)) } == 0).then_some(buffer)
    }

    /// Writes a command into an AOF that is being rewritten.
    pub(crate) fn emit(self, command: &std::ffi::CStr, strings: &[*mut raw::RedisModuleString]) {
        // SAFETY: "v" takes an array of strings and its length; the strings are valid.
        unsafe {
            call!(RedisModule_EmitAOF(
                self.0,
                command.as_ptr(),
                c"v".as_ptr(),
                strings.as_ptr(),
                strings.len()
            ));
        }
    }

    pub(crate) fn log(self, text: &str) {
        let text = c_string(text);
        // SAFETY: "%s" takes one string.
        unsafe {
            if let Some(log) = raw::RedisModule_LogIOError {
                log(self.0, c"warning".as_ptr(), c"%s".as_ptr(), text.as_ptr());
            }
        }
    }
}

impl Buffer {
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the server returned that many bytes.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: ours, and not used after this.
        unsafe { call!(RedisModule_Free(self.start.cast::<c_void>())) };
    }
}

/// A digest being computed, for `DEBUG DIGEST`.
#[derive(Clone, Copy)]
pub(crate) struct Digest(*mut raw::RedisModuleDigest);

impl Digest {
    /// # Safety
    /// `ptr` must be usable while this is used.
    pub(crate) unsafe fn new(ptr: *mut raw::RedisModuleDigest) -> Self {
        Self(ptr)
    }

    pub(crate) fn add(self, bytes: &[u8]) {
        // SAFETY: usable; reads the bytes.
        unsafe {
            call!(RedisModule_DigestAddStringBuffer(
                self.0,
                bytes.as_ptr().cast(),
                bytes.len()
            ));
        };
    }

    pub(crate) fn add_integer(self, value: i64) {
        // SAFETY: usable.
        unsafe { call!(RedisModule_DigestAddLongLong(self.0, value)) };
    }

    pub(crate) fn end_sequence(self) {
        // SAFETY: usable.
        unsafe { call!(RedisModule_DigestEndSequence(self.0)) };
    }
}

/// A C string of a text, up to its first NUL.
pub(crate) fn c_string(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

/// What C functions return when all went well.
pub(crate) const OK: c_int = raw::REDISMODULE_OK as c_int;
/// What they return otherwise.
pub(crate) const ERR: c_int = raw::REDISMODULE_ERR as c_int;
