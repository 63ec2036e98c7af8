//! Loading the module: `RedisModule_OnLoad` and what it registers.

use super::ctx::{Ctx, known_nodes};
use super::memory::ServerAlloc;
use super::{command, config, data_type, events, info, missing_function, timer};
use crate::state;
use redis_module::{Context, RedisString, Status, raw, redis_module};

/// Broken payloads are ours to refuse: otherwise the server ends itself.
const OPTIONS: u32 = raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS;

redis_module! {
    name: "cache",
    version: 1,
    allocator: (ServerAlloc, ServerAlloc),
    data_types: [],
    init: init,
}

fn init(context: &Context, args: &[RedisString]) -> Status {
    // SAFETY: the context is usable while the module is being loaded.
    let ctx = unsafe { Ctx::new(context.get_raw()) };
    match register(ctx, args) {
        Ok(()) => Status::Ok,
        Err(reason) => {
            ctx.log(c"warning", &format!("Larder can't be loaded: {reason}"));
            Status::Err
        }
    }
}

fn register(ctx: Ctx<'_>, args: &[RedisString]) -> Result<(), String> {
    if let Some(missing) = missing_function() {
        return Err(format!(
            "this server has no {missing}; Redis 7.0 or Valkey 7.2 is the oldest that works"
        ));
    }
    // SAFETY: the context is usable.
    unsafe {
        call!(RedisModule_SetModuleOptions(
            ctx.as_ptr(),
            OPTIONS.cast_signed()
        ));
    };
    timer::prepare(ctx);
    if ctx.flags().cluster() {
        state::with(|state| state.join_cluster(known_nodes()));
    }
    let args: Vec<&[u8]> = args.iter().map(RedisString::as_slice).collect();
    config::register(ctx, &args)?;
    let steps: [(&str, bool); 4] = [
        ("its data type", data_type::register(ctx)),
        ("its events", events::subscribe(ctx)),
        ("its INFO section", info::register(ctx)),
        ("its commands", command::register(ctx)),
    ];
    match steps.iter().find(|(_, done)| !done) {
        Some((what, _)) => Err(format!("the server refuses {what}")),
        None => Ok(()),
    }
}
