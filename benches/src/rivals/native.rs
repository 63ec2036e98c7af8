//! No tags at all: what the server does by itself, the limit for everybody.

use super::Rival;
use crate::item::{Item, TTL_S};
use crate::requests::Requests;
use redis::Connection;

pub(crate) struct Native;

impl Rival for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn store(&self, item: &Item<'_>, out: &mut Requests) {
        out.command(&[
            b"SET",
            item.key.as_bytes(),
            item.value,
            b"EX",
            TTL_S.as_bytes(),
        ]);
    }

    fn invalidate(&self, _: &str, _: &mut Connection) {
        unreachable!("there are no tags to invalidate");
    }

    fn invalidation_commands(&self) -> &'static [&'static str] {
        &[]
    }
}
