//! The common recipe: a lock by `SET NX`; whoever does not get it looks for the value every 100 ms,
//! ten times, and then computes as well.

use super::caller::Caller;
use super::{KEY, LOCK, LOCK_MS, Way};
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(100);
const LOOKS: usize = 10;

pub(super) struct Polling;

impl Way for Polling {
    const NAME: &'static str = "polling";

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
        for _ in 0..LOOKS {
            tokio::time::sleep(PERIOD).await;
            if caller.finds().await {
                return;
            }
        }
        caller.compute().await;
        caller.fill_string().await;
    }
}

/// Tries to take the lock.
pub(super) async fn locks(caller: &mut Caller) -> bool {
    let set = ["SET", LOCK, KEY, "NX", "PX", LOCK_MS];
    caller.wire.call(&set).await.text(0).is_some()
}
