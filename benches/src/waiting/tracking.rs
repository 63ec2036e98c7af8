//! A lock by `SET NX`, and `CLIENT TRACKING`: the server itself tells everybody who has looked for
//! the key in vain that it has changed.

use super::caller::Caller;
use super::polling::locks;
use super::wire::Wire;
use super::{LOCK, Way};

pub(super) struct Tracking;

impl Way for Tracking {
    const NAME: &'static str = "client tracking";

    async fn prepare(wire: &mut Wire) {
        wire.call(&["HELLO", "3"]).await;
        wire.call(&["CLIENT", "TRACKING", "ON"]).await;
    }

    async fn fetch(caller: &mut Caller) {
        if caller.finds().await {
            return;
        }
        if locks(caller).await {
            caller.compute().await;
            caller.fill_string().await;
            caller.wire.call(&["DEL", LOCK]).await;
            return;
        }
        while !caller.finds().await {
            caller.wire.message().await;
        }
    }
}
