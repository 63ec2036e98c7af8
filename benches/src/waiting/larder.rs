//! `CACHE.GETORLOCK` with `WAIT`: whoever gets neither a value nor a token waited in vain.

use super::caller::Caller;
use super::{KEY, LOCK_MS, TTL_S, Way};

pub(super) struct Larder;

impl Way for Larder {
    const NAME: &'static str = "Larder";

    async fn fetch(caller: &mut Caller) {
        let call = ["CACHE.GETORLOCK", KEY, "WAIT", LOCK_MS, "LEASE", LOCK_MS];
        let reply = caller.wire.call(&call).await;
        let (value, token) = (reply.text(1), reply.text(2));
        if value.is_some() {
            return;
        }
        caller.compute().await;
        if let Some(token) = token {
            let set = ["CACHE.SET", KEY, "the value", "EX", TTL_S, "TOKEN", token];
            caller.fill(&set).await;
        }
    }
}
