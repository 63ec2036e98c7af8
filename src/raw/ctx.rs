//! A call's context: what it may ask of the server, and how it replies.

use super::key::{Key, Mode};
use super::string::{OwnStr, Str};
use larder_core::clock::Now;
use larder_core::error::Error;
use redis_module::raw;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::{c_char, c_int, c_long, c_longlong};
use std::time::{SystemTime, UNIX_EPOCH};

/// The context of a call into the module.
#[derive(Clone, Copy)]
pub(crate) struct Ctx<'a> {
    ptr: *mut raw::RedisModuleCtx,
    borrow: PhantomData<&'a ()>,
}

/// Facts about the server and the caller.
#[derive(Clone, Copy)]
pub(crate) struct Flags(c_int);

impl Flags {
    fn has(self, flag: u32) -> bool {
        self.0.cast_unsigned() & flag != 0
    }

    /// Not a replica.
    pub(crate) fn primary(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_MASTER)
    }

    /// Clients may write to it: it is a primary, or a replica set up so.
    pub(crate) fn takes_writes(self) -> bool {
        !self.has(raw::REDISMODULE_CTX_FLAGS_READONLY)
    }

    pub(crate) fn cluster(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_CLUSTER)
    }

    pub(crate) fn loading(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_LOADING)
    }

    /// The command comes from our primary: it was accepted once.
    pub(crate) fn replicated(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_REPLICATED)
    }

    pub(crate) fn may_block(self) -> bool {
        let deny = raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING
            | raw::REDISMODULE_CTX_FLAGS_MULTI
            | raw::REDISMODULE_CTX_FLAGS_LUA;
        !self.has(deny)
    }

    pub(crate) fn script(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_LUA)
    }

    /// More memory in use than `maxmemory`, after what could be evicted was.
    pub(crate) fn out_of_memory(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_OOM)
    }
}

impl<'a> Ctx<'a> {
    /// For functions that take a context but can do without.
    pub(crate) const NONE: *mut raw::RedisModuleCtx = std::ptr::null_mut();

    /// # Safety
    /// The context must be usable for `'a`.
    pub(crate) unsafe fn new(ptr: *mut raw::RedisModuleCtx) -> Self {
        Self {
            ptr,
            borrow: PhantomData,
        }
    }

    pub(crate) fn as_ptr(self) -> *mut raw::RedisModuleCtx {
        self.ptr
    }

    pub(crate) fn flags(self) -> Flags {
        // SAFETY: the context is usable.
        Flags(unsafe { call!(RedisModule_GetContextFlags(self.ptr)) })
    }

    pub(crate) fn db(self) -> i32 {
        // SAFETY: the context is usable.
        unsafe { call!(RedisModule_GetSelectedDb(self.ptr)) }
    }

    /// Selects a database. False if there is none of that number.
    pub(crate) fn select(self, db: i32) -> bool {
        // SAFETY: the context is usable. A number out of range is refused.
        unsafe { call!(RedisModule_SelectDb(self.ptr, db)) == raw::REDISMODULE_OK as c_int }
    }

    pub(crate) fn client(self) -> u64 {
        // SAFETY: the context is usable.
        unsafe { call!(RedisModule_GetClientId(self.ptr)) }
    }

    /// Whether the caller is a connected client, rather than another module or the server itself.
    pub(crate) fn has_connected_client(self) -> bool {
        // SAFETY: with a null pointer the function only looks the client up.
        let found = unsafe {
            call!(RedisModule_GetClientInfoById(
                std::ptr::null_mut(),
                self.client()
            ))
        };
        found == raw::REDISMODULE_OK as c_int
    }

    pub(crate) fn open<'k>(self, key: Str<'k>, mode: Mode) -> Key<'k>
    where
        'a: 'k,
    {
        Key::open(self, key, mode)
    }

    /// Whether commands on this key are this server's to answer: not if its slot is another's, or is
    /// being handed over and the key is not here. Always, unless in cluster mode.
    pub(crate) fn serves(self, key: Str<'_>) -> bool {
        !self.flags().cluster() || self.ask(c"EXISTS", c"sE", key).is_none()
    }

    /// Removes a key of a replica that has expired, and tells nobody. In cluster mode the server
    /// refuses that, since the key is its primary's.
    pub(crate) fn remove_expired(self, key: Str<'_>) {
        self.ask(c"UNLINK", c"s", key);
    }

    pub(crate) fn notify(self, class: u32, event: &CStr, key: Str<'_>) {
        // SAFETY: the context is usable, the strings are valid.
        unsafe {
            call!(RedisModule_NotifyKeyspaceEvent(
                self.ptr,
                class.cast_signed(),
                event.as_ptr(),
                key.as_ptr()
            ));
        }
    }

    pub(crate) fn publish(self, channel: &[u8], message: &[u8]) {
        let (channel, message) = (OwnStr::new(channel), OwnStr::new(message));
        // SAFETY: the context is usable, the strings are valid.
        unsafe {
            call!(RedisModule_PublishMessage(
                self.ptr,
                channel.get().as_ptr(),
                message.get().as_ptr()
            ));
        }
    }

    /// Sends a command with the given strings to replicas and AOF.
    pub(crate) fn replicate(self, command: &CStr, strings: &[*mut raw::RedisModuleString]) {
        // SAFETY: "v" takes an array of strings and its length; the strings are valid.
        unsafe {
            call!(RedisModule_Replicate(
                self.ptr,
                command.as_ptr(),
                c"v".as_ptr(),
                strings.as_ptr(),
                strings.len()
            ));
        }
    }

    /// Passes the present command on to replicas and AOF as it is.
    pub(crate) fn replicate_verbatim(self) {
        // SAFETY: the context is that of a command.
        unsafe { call!(RedisModule_ReplicateVerbatim(self.ptr)) };
    }

    /// Whether clients are paused or a failover is under way, in which case nothing should be
    /// written that no client asked for.
    pub(crate) fn avoids_traffic(self) -> bool {
        // SAFETY: takes nothing.
        unsafe { call!(RedisModule_AvoidReplicaTraffic()) != 0 }
    }

    /// Whether a command that needs memory would be refused. The flag alone does not tell: memory
    /// may be over the limit while entries are being evicted. So the server itself is asked, with
    /// a command that changes nothing.
    pub(crate) fn denies_memory(self, key: Str<'_>) -> bool {
        // "M": as if memory mattered; "E": refusals are replies.
        self.flags().out_of_memory()
            && self
                .ask(c"SETRANGE", c"sccME", key)
                .is_some_and(|text| text.starts_with(b"OOM"))
    }

    /// Calls a command of the server for a key, and returns the error it replied with, if it did.
    fn ask(self, command: &CStr, format: &CStr, key: Str<'_>) -> Option<Vec<u8>> {
        // SAFETY: the function is there on every server that has the rest. The formats in use name
        // the key and up to two C strings, which are given; what is given too much is not read.
        unsafe {
            let call = { raw::RedisModule_Call }?;
            let reply = call(
                self.ptr,
                command.as_ptr(),
                format.as_ptr(),
                key.as_ptr(),
                c"0".as_ptr(),
                c"".as_ptr(),
            );
            if reply.is_null() {
                return Some(Vec::new());
            }
            let mut len = 0;
            let failed =
                call!(RedisModule_CallReplyType(reply)) == raw::REDISMODULE_REPLY_ERROR as c_int;
            let text = if failed {
                call!(RedisModule_CallReplyStringPtr(reply, &raw mut len))
            } else {
                std::ptr::null()
            };
            let copy = if text.is_null() {
                &[][..]
            } else {
                std::slice::from_raw_parts(text.cast::<u8>(), len)
            }
            .to_vec();
            call!(RedisModule_FreeCallReply(reply));
            failed.then_some(copy)
        }
    }

    pub(crate) fn reply_value(self, bytes: &[u8]) {
        // SAFETY: copies the bytes.
        unsafe {
            call!(RedisModule_ReplyWithStringBuffer(
                self.ptr,
                bytes.as_ptr().cast::<c_char>(),
                bytes.len()
            ));
        }
    }

    pub(crate) fn reply_null(self) {
        // SAFETY: the context is usable.
        unsafe { call!(RedisModule_ReplyWithNull(self.ptr)) };
    }

    pub(crate) fn reply_integer(self, value: i64) {
        // SAFETY: the context is usable.
        unsafe { call!(RedisModule_ReplyWithLongLong(self.ptr, value as c_longlong)) };
    }

    pub(crate) fn reply_count(self, value: usize) {
        self.reply_integer(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(crate) fn reply_double(self, value: f64) {
        // SAFETY: the context is usable.
        unsafe { call!(RedisModule_ReplyWithDouble(self.ptr, value)) };
    }

    pub(crate) fn reply_ok(self) {
        // SAFETY: the context is usable.
        unsafe { call!(RedisModule_ReplyWithSimpleString(self.ptr, c"OK".as_ptr())) };
    }

    /// Announces an array; its elements are replied next.
    pub(crate) fn reply_array(self, len: usize) {
        // SAFETY: the context is usable.
        unsafe { call!(RedisModule_ReplyWithArray(self.ptr, length(len))) };
    }

    /// Announces a map; its keys and values are replied next, in turn.
    pub(crate) fn reply_map(self, len: usize) {
        // SAFETY: the context is usable.
        unsafe { call!(RedisModule_ReplyWithMap(self.ptr, length(len))) };
    }

    pub(crate) fn reply_error(self, error: Error) {
        let text = super::io::c_string(&error.to_string());
        // SAFETY: the context is usable, the text ends in NUL.
        unsafe { call!(RedisModule_ReplyWithError(self.ptr, text.as_ptr())) };
    }

    pub(crate) fn log(self, level: &CStr, text: &str) {
        let text = super::io::c_string(text);
        // SAFETY: "%s" takes one string.
        unsafe {
            call!(RedisModule_Log(
                self.ptr,
                level.as_ptr(),
                c"%s".as_ptr(),
                text.as_ptr()
            ));
        };
    }
}

/// A length as C functions take it.
fn length(len: usize) -> c_long {
    c_long::try_from(len).unwrap_or(c_long::MAX)
}

/// The time on the clocks that durations are measured with.
pub(crate) fn now() -> Now {
    // SAFETY: these functions take nothing.
    unsafe {
        Now {
            unix_ms: unix_ms(),
            mono_ms: call!(RedisModule_MonotonicMicroseconds()) / 1_000,
        }
    }
}

/// Whether this server is a primary, for callbacks that come without a context.
pub(crate) fn is_primary() -> bool {
    // SAFETY: without a context the flags are those of the server.
    Flags(unsafe { call!(RedisModule_GetContextFlags(Ctx::NONE)) }).primary()
}

/// How many nodes of the cluster this server knows, itself included; 0 without a cluster.
pub(crate) fn known_nodes() -> usize {
    // SAFETY: takes nothing.
    unsafe { call!(RedisModule_GetClusterSize()) }
}

/// The wall clock, ms since 1970.
pub(crate) fn unix_ms() -> i64 {
    // SAFETY: takes nothing.
    unsafe { call!(RedisModule_Milliseconds()) }
}

/// A clock for measuring slices, microseconds.
pub(crate) fn mono_us() -> u64 {
    // SAFETY: takes nothing.
    unsafe { call!(RedisModule_MonotonicMicroseconds()) }
}

/// The wall clock, microseconds since 1970.
pub(crate) fn wall_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0)
}
