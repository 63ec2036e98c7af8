//! Deletions that Redis was not there for. Until it has heard of them this process does not serve what
//! it has.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use redis::Cmd;

use super::core::Core;
use crate::debts::{Debt, Settling};
use crate::protocol::command;

/// How long after a failure the next attempt is made. While the breaker is open it costs nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// Deletes `key` when Redis is back, in a thread that lives until then.
pub(crate) fn delete_later(core: &Arc<Core>, key: String) {
    core.owed.owe(key);
    let Some(settling) = core.owed.settle() else {
        return;
    };
    let debtor = Arc::clone(core);
    let thread = thread::Builder::new().name("larder-owed".to_owned());
    // Whoever owes the next deletion tries again.
    if let Err(error) = thread.spawn(move || delete_until_over(&debtor, settling)) {
        tracing::warn!(%error, "deletions are put off");
    }
}

fn delete_until_over(core: &Arc<Core>, mut settling: Settling) {
    loop {
        delete_all(core, &settling);
        if settling.is_over() {
            return;
        }
        thread::sleep(PAUSE);
    }
}

/// What can't be deleted does not hold up what comes behind it.
fn delete_all(core: &Arc<Core>, settling: &Settling) {
    let mut page = settling.page(None);
    while let Some((last, _)) = page.last() {
        delete(core, settling, &page);
        if core.link.health.is_open() {
            return;
        }
        page = settling.page(Some(last));
    }
}

fn delete(core: &Arc<Core>, settling: &Settling, debts: &[Debt]) {
    let unlink = |(key, _): &Debt| command::unlink(std::slice::from_ref(key));
    let commands: Vec<Cmd> = debts.iter().map(unlink).collect();
    if let Ok(replies) = core.link.write_all(&commands) {
        let deleted = debts.iter().zip(replies).filter(|(_, reply)| reply.is_ok());
        settling.strike_out(deleted.map(|(debt, _)| debt));
    }
}
