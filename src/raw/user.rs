//! Whose call it is, and which keys he may touch.

use super::argv::Argv;
use super::ctx::Ctx;
use super::string::{OwnStr, Str};
use redis_module::raw;
use std::os::raw::c_int;

/// The user behind a call.
pub(crate) struct User(*mut raw::RedisModuleUser);

/// What is to be done with a key.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Learn something of it.
    Read,
    /// Change it.
    Write,
}

impl User {
    /// The user of a connected client or its script. `None` for calls nobody is to be asked for:
    /// replication, loading, other modules.
    pub(crate) fn of(ctx: Ctx<'_>) -> Option<Self> {
        let flags = ctx.flags();
        // While the server loads, only connected clients are somebody: they may ask for statistics.
        let script = flags.script() && !flags.loading();
        if flags.replicated() || !(script || ctx.has_connected_client()) {
            return None;
        }
        // SAFETY: a connected client and a script have a user (others crash the server here). The
        // name is ours to free; a user that was deleted meanwhile gives null.
        unsafe {
            let name = OwnStr::own(call!(RedisModule_GetCurrentUserName(ctx.as_ptr())))?;
            Some(Self(call!(RedisModule_GetModuleUserFromUserName(
                name.get().as_ptr()
            ))))
        }
    }

    /// Whether the user may do this with a key of that name.
    pub(crate) fn may(&self, access: Access, name: Str<'_>) -> bool {
        if self.0.is_null() {
            return false;
        }
        let flags = match access {
            Access::Read => raw::REDISMODULE_CMD_KEY_ACCESS,
            Access::Write => raw::REDISMODULE_CMD_KEY_UPDATE,
        };
        // SAFETY: user and name are valid.
        let allowed = unsafe {
            call!(RedisModule_ACLCheckKeyPermissions(
                self.0,
                name.as_ptr(),
                flags.cast_signed()
            ))
        };
        allowed == raw::REDISMODULE_OK as c_int
    }

    /// Whether the user may run this command on the keys it names.
    pub(crate) fn may_run(&self, argv: Argv<'_>) -> bool {
        if self.0.is_null() {
            return false;
        }
        let (argv, argc) = argv.raw();
        // SAFETY: user and arguments are valid; nothing is kept of either.
        let allowed = unsafe { call!(RedisModule_ACLCheckCommandPermissions(self.0, argv, argc)) };
        allowed == raw::REDISMODULE_OK as c_int
    }

    /// Notes in the server's `ACL LOG` that the user was refused a key or tag of that name.
    pub(crate) fn log_refusal(&self, ctx: Ctx<'_>, name: Str<'_>) {
        if self.0.is_null() {
            return;
        }
        // SAFETY: context, user and name are valid; the server copies the name.
        unsafe {
            call!(RedisModule_ACLAddLogEntry(
                ctx.as_ptr(),
                self.0,
                name.as_ptr(),
                raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_KEY
            ));
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: ours, and not used after this. Frees the wrapper, not the user.
            unsafe { call!(RedisModule_FreeModuleUser(self.0)) };
        }
    }
}
