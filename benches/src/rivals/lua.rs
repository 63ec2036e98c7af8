//! The recipe with sets made atomic: a script stores, and a script clears, which unlinks what the
//! set names in chunks that fit on Lua's stack.

use super::sets::set_of;
use super::{Rival, answer};
use crate::item::{Item, TTL_S};
use crate::requests::Requests;
use redis::Connection;

const STORE: &str = "
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
for i = 2, #KEYS do
  redis.call('SADD', KEYS[i], KEYS[1])
  redis.call('EXPIRE', KEYS[i], ARGV[2])
end
return redis.status_reply('OK')";

const INVALIDATE: &str = "
local keys = redis.call('SMEMBERS', KEYS[1])
for i = 1, #keys, 5000 do
  redis.call('UNLINK', unpack(keys, i, math.min(i + 4999, #keys)))
end
redis.call('UNLINK', KEYS[1])
return #keys";

pub(crate) struct Lua {
    /// The scripts' names: their digests.
    store: String,
    invalidate: String,
}

impl Lua {
    pub(crate) fn load(c: &mut Connection) -> Self {
        let mut load = |script| answer(redis::cmd("SCRIPT").arg("LOAD").arg(script), c);
        Self {
            store: load(STORE),
            invalidate: load(INVALIDATE),
        }
    }
}

impl Rival for Lua {
    fn name(&self) -> &'static str {
        "Lua"
    }

    fn store(&self, item: &Item<'_>, out: &mut Requests) {
        let sets: Vec<String> = item.tags.iter().map(|tag| set_of(tag)).collect();
        let count = (sets.len() + 1).to_string();
        let mut words: Vec<&[u8]> = vec![b"EVALSHA", self.store.as_bytes(), count.as_bytes()];
        words.push(item.key.as_bytes());
        words.extend(sets.iter().map(String::as_bytes));
        words.extend([item.value, TTL_S.as_bytes()]);
        out.command(&words);
    }

    fn invalidate(&self, tag: &str, c: &mut Connection) {
        let mut script = redis::cmd("EVALSHA");
        script.arg(&self.invalidate).arg(1).arg(set_of(tag));
        let _: usize = answer(&script, c);
    }

    fn invalidation_commands(&self) -> &'static [&'static str] {
        &["evalsha"]
    }
}
