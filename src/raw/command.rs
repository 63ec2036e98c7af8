//! Registering commands, with everything the server wants to know about them.

use super::argv::Argv;
use super::ctx::Ctx;
use super::guard::guard;
use super::io::{OK, c_string};
use crate::commands::{self, Call, HANDLERS};
use larder_core::command::spec::{Access, Arg, Keys, Kind, Spec, spec};
use larder_core::error::Error;
use redis_module::raw;
use std::ffi::CString;
use std::os::raw::{c_char, c_int};
use std::ptr::{null, null_mut};

const SINCE: &std::ffi::CStr = c"0.1.0";

type Entry = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *mut *mut raw::RedisModuleString,
    c_int,
) -> c_int;

/// The function the server calls for the command whose code is number `N`.
unsafe extern "C" fn entry<const N: usize>(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server lends both for this call.
    let call = unsafe {
        Call {
            ctx: Ctx::new(ctx),
            argv: Argv::new(argv, argc),
        }
    };
    if guard(|| commands::run(call, HANDLERS[N].1)).is_none() {
        call.ctx.reply_error(Error::Internal);
    }
    OK
}

macro_rules! entries {
    ($($n:literal)*) => { [$(entry::<$n>),*] };
}

const ENTRIES: [Entry; HANDLERS.len()] =
    entries!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21);

/// Registers all commands. Whether that worked.
pub(crate) fn register(ctx: Ctx<'_>) -> bool {
    HANDLERS
        .iter()
        .zip(ENTRIES)
        .all(|((name, _), entry)| spec(name).is_some_and(|spec| register_one(ctx, spec, entry)))
}

fn register_one(ctx: Ctx<'_>, spec: &Spec, entry: Entry) -> bool {
    let (name, flags) = (c_string(spec.name), c_string(spec.flags));
    let (first, last, step) = match spec.keys {
        Some(Keys { all: true, .. }) => (1, -1, 1),
        Some(Keys { all: false, .. }) => (1, 1, 1),
        None => (0, 0, 0),
    };
    // SAFETY: the context is usable while the module is being loaded, the function lives for ever.
    unsafe {
        let (ctx, name, flags) = (ctx.as_ptr(), name.as_ptr(), flags.as_ptr());
        if call!(RedisModule_CreateCommand(
            ctx,
            name,
            Some(entry),
            flags,
            first,
            last,
            step
        )) != OK
        {
            return false;
        }
        let command = call!(RedisModule_GetCommand(ctx, name));
        !command.is_null() && describe(command, spec) && categorise(command, spec)
    }
}

/// # Safety
/// The command must have been registered just now.
unsafe fn categorise(command: *mut raw::RedisModuleCommand, spec: &Spec) -> bool {
    let categories = c_string(spec.categories);
    // SAFETY: the command is valid; servers before 7.2 don't have the function.
    unsafe {
        raw::RedisModule_SetCommandACLCategories
            .is_none_or(|set| set(command, categories.as_ptr()) == OK)
    }
}

/// # Safety
/// The command must have been registered just now.
unsafe fn describe(command: *mut raw::RedisModuleCommand, spec: &Spec) -> bool {
    let version = raw::RedisModuleCommandInfoVersion {
        version: 1,
        sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
        sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
        sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
    };
    let mut texts = Texts::default();
    let mut key_specs = key_specs(spec.keys);
    let mut args = texts.args(spec.args);
    let info = raw::RedisModuleCommandInfo {
        version: &raw const version,
        summary: texts.add(spec.summary),
        complexity: texts.add(spec.complexity),
        since: SINCE.as_ptr(),
        history: null_mut(),
        tips: if spec.tips.is_empty() {
            null()
        } else {
            texts.add(spec.tips)
        },
        arity: spec.arity,
        key_specs: key_specs.as_mut_ptr(),
        args: args.as_mut_ptr(),
    };
    // SAFETY: everything `info` points to lives until after the call, which copies it.
    unsafe { call!(RedisModule_SetCommandInfo(command, &raw const info)) == OK }
}

/// The key specifications, ended by an empty one.
fn key_specs(keys: Option<Keys>) -> Vec<raw::RedisModuleCommandKeySpec> {
    // SAFETY: all-zero is what the server takes as the end of the list, and valid for these types.
    let empty = || unsafe { std::mem::zeroed::<raw::RedisModuleCommandKeySpec>() };
    let mut specs: Vec<_> = keys.iter().map(|_| empty()).collect();
    for (spec, keys) in specs.iter_mut().zip(keys) {
        spec.flags = u64::from(access_flags(keys.access));
        spec.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX;
        spec.bs.index.pos = 1;
        spec.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE;
        spec.fk.range.lastkey = if keys.all { -1 } else { 0 };
        spec.fk.range.keystep = 1;
    }
    specs.push(empty());
    specs
}

fn access_flags(access: Access) -> u32 {
    match access {
        Access::Look => raw::REDISMODULE_CMD_KEY_RO,
        Access::Read => raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS,
        Access::Update => raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE,
        Access::ReadUpdate => {
            raw::REDISMODULE_CMD_KEY_RW
                | raw::REDISMODULE_CMD_KEY_ACCESS
                | raw::REDISMODULE_CMD_KEY_UPDATE
        }
        Access::Overwrite => raw::REDISMODULE_CMD_KEY_OW | raw::REDISMODULE_CMD_KEY_UPDATE,
    }
}

/// Keeps what the argument descriptions point to alive.
#[derive(Default)]
struct Texts {
    strings: Vec<CString>,
    lists: Vec<Vec<raw::RedisModuleCommandArg>>,
}

impl Texts {
    fn add(&mut self, text: &str) -> *const c_char {
        let text = c_string(text);
        // The bytes stay where they are when the list grows.
        let start = text.as_ptr();
        self.strings.push(text);
        start
    }

    /// Argument descriptions, ended by an empty one.
    fn args(&mut self, args: &[Arg]) -> Vec<raw::RedisModuleCommandArg> {
        let mut list: Vec<_> = args.iter().map(|arg| self.arg(arg)).collect();
        // SAFETY: all-zero is what the server takes as the end of the list, and valid for the type.
        list.push(unsafe { std::mem::zeroed() });
        list
    }

    fn arg(&mut self, arg: &Arg) -> raw::RedisModuleCommandArg {
        let subargs = match arg.kind {
            Kind::OneOf(of) | Kind::Block(of) => {
                let mut list = self.args(of);
                let start = list.as_mut_ptr();
                self.lists.push(list);
                start
            }
            _ => null_mut(),
        };
        let optional = if arg.optional {
            raw::REDISMODULE_CMD_ARG_OPTIONAL
        } else {
            0
        };
        let multiple = if arg.multiple {
            raw::REDISMODULE_CMD_ARG_MULTIPLE
        } else {
            0
        };
        raw::RedisModuleCommandArg {
            name: self.add(arg.name),
            type_: arg_type(arg.kind),
            key_spec_index: if matches!(arg.kind, Kind::Key) { 0 } else { -1 },
            token: arg.token.map_or(null(), |token| self.add(token)),
            summary: null(),
            since: null(),
            flags: (optional | multiple).cast_signed(),
            deprecated_since: null(),
            subargs,
            display_text: null(),
        }
    }
}

fn arg_type(kind: Kind) -> raw::RedisModuleCommandArgType {
    match kind {
        Kind::Key => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY,
        Kind::String => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
        Kind::Pattern => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PATTERN,
        Kind::Integer => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
        Kind::Double => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_DOUBLE,
        Kind::UnixTime => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_UNIX_TIME,
        Kind::Token => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
        Kind::OneOf(_) => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
        Kind::Block(_) => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
    }
}
