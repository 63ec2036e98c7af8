//! Deletions that Redis was not there for. Until it has heard of them this process does not serve what
//! it has.

use std::sync::Arc;
use std::time::Duration;

use redis::Cmd;

use super::core::Core;
use crate::debts::{Debt, Settling};
use crate::protocol::command;

/// How long after a failure the next attempt is made. While the breaker is open it costs nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// Deletes `key` when Redis is back, in a task of its own. Must be called within a Tokio runtime.
pub(crate) fn delete_later(core: &Arc<Core>, key: String) {
    core.owed.owe(key);
    settle(core);
}

/// Whether what Redis has under `key` is to be deleted.
pub(crate) fn is_owed(core: &Arc<Core>, key: &str) -> bool {
    let is_owed = core.owed.includes(key);
    if is_owed {
        // The task that was at it may have ended with its runtime.
        settle(core);
    }
    is_owed
}

fn settle(core: &Arc<Core>) {
    if let Some(settling) = core.owed.settle() {
        let core = Arc::clone(core);
        tokio::spawn(async move { delete_until_over(&core, settling).await });
    }
}

async fn delete_until_over(core: &Arc<Core>, mut settling: Settling) {
    loop {
        delete_all(core, &settling).await;
        if settling.is_over() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What can't be deleted does not hold up what comes behind it.
async fn delete_all(core: &Arc<Core>, settling: &Settling) {
    let mut page = settling.page(None);
    while let Some((last, _)) = page.last() {
        delete(core, settling, &page).await;
        if core.link.is_open() {
            return;
        }
        page = settling.page(Some(last));
    }
}

async fn delete(core: &Arc<Core>, settling: &Settling, debts: &[Debt]) {
    let unlink = |(key, _): &Debt| command::unlink(std::slice::from_ref(key));
    let commands: Vec<Cmd> = debts.iter().map(unlink).collect();
    if let Ok(replies) = core.link.write_all(&commands).await {
        let deleted = debts.iter().zip(replies).filter(|(_, reply)| reply.is_ok());
        settling.strike_out(deleted.map(|(debt, _)| debt));
    }
}
