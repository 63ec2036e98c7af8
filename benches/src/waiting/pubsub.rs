//! A lock by `SET NX`, and a message from its holder when the value is there. Whoever does not get
//! the lock subscribes, looks once more, since the message may have been sent before, and waits.

use super::caller::Caller;
use super::polling::locks;
use super::wire::Wire;
use super::{LOCK, Way};

const CHANNEL: &str = "filled:page:000000000001";

pub(super) struct PubSub;

impl Way for PubSub {
    const NAME: &'static str = "pub/sub";

    /// With RESP3 a subscriber may go on using its connection.
    async fn prepare(wire: &mut Wire) {
        wire.call(&["HELLO", "3"]).await;
    }

    async fn fetch(caller: &mut Caller) {
        if caller.finds().await {
            return;
        }
        if locks(caller).await {
            caller.compute().await;
            caller.fill_string().await;
            caller.wire.call(&["PUBLISH", CHANNEL, "filled"]).await;
            caller.wire.call(&["DEL", LOCK]).await;
            return;
        }
        caller.wire.subscribe(CHANNEL).await;
        while !caller.finds().await {
            caller.wire.message().await;
        }
    }
}
