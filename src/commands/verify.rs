//! `CACHE.VERIFY`: a full recount, for tests and for whoever doubts.

use super::{Call, Outcome};
use crate::raw::block::Heap;
use crate::raw::ctx::Ctx;
use crate::raw::scan;
use crate::state;
use larder_core::entry::{Arena, Handle};

/// More complaints say no more.
const ENOUGH: usize = 32;

pub(super) fn run(call: Call<'_>) -> Outcome {
    let ctx = call.ctx;
    let (selected, mut complaints) = (ctx.db(), Vec::new());
    for db in 0.. {
        if !ctx.select(db) {
            break;
        }
        verify(ctx, db, &mut complaints);
    }
    ctx.select(selected);
    ctx.reply_array(complaints.len());
    for complaint in complaints {
        ctx.reply_value(complaint.as_bytes());
    }
    Ok(())
}

/// Compares an index with itself and with its database. Each entry that is listed leads back to its
/// place in the index, so if there are as many as the index counts, both know the same.
fn verify(ctx: Ctx<'_>, db: i32, complaints: &mut Vec<String>) {
    let mut entries = 0;
    scan::entries(ctx, |key, handle| {
        entries += 1;
        if let Some(wrong) = doubt(db, key, handle).filter(|_| complaints.len() < ENOUGH) {
            complaints.push(format!("db {db}, key {}: {wrong}", key.escape_ascii()));
        }
    });
    let (counted, own) = state::with(|state| {
        let index = state.index(db);
        (index.entries(), index.validate(&Heap))
    });
    if counted != entries {
        complaints.push(format!("db {db}: {entries} entries, {counted} counted"));
    }
    complaints.extend(own.err().map(|wrong| format!("db {db}: {wrong}")));
}

/// What is wrong with the entry of a key, if anything is.
fn doubt(db: i32, key: &[u8], handle: Handle) -> Option<&'static str> {
    let entry = Heap.entry(handle);
    if !state::with(|state| state.index(db).is_attached(entry)) {
        return Some("not listed");
    }
    (entry.header.is_tagged() && entry.key() != key).then_some("listed under another name")
}
