//! The recipe with sets made atomic: a script stores, and a script clears, which unlinks what the
//! set names in chunks that fit on Lua's stack.

use super::Rival;
use super::sets::set_of;
use crate::item::{Item, TTL_S};
use crate::requests::Requests;
use larder_test_support::Client;

const STORE: &[u8] = b"
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
for i = 2, #KEYS do
  redis.call('SADD', KEYS[i], KEYS[1])
  redis.call('EXPIRE', KEYS[i], ARGV[2])
end
return redis.status_reply('OK')";

const INVALIDATE: &[u8] = b"
local keys = redis.call('SMEMBERS', KEYS[1])
for i = 1, #keys, 5000 do
  redis.call('UNLINK', unpack(keys, i, math.min(i + 4999, #keys)))
end
redis.call('UNLINK', KEYS[1])
return #keys";

pub(crate) struct Lua {
    store: Vec<u8>,
    invalidate: String,
}

impl Lua {
    pub(crate) fn load(c: &mut Client) -> Self {
        let store = c.bytes([b"SCRIPT".as_slice(), b"LOAD", STORE]);
        Self {
            store,
            invalidate: c.text([b"SCRIPT".as_slice(), b"LOAD", INVALIDATE]),
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
        let mut words: Vec<&[u8]> = vec![b"EVALSHA", &self.store, count.as_bytes()];
        words.push(item.key.as_bytes());
        words.extend(sets.iter().map(String::as_bytes));
        words.extend([item.value, TTL_S.as_bytes()]);
        out.command(&words);
    }

    fn invalidate(&self, tag: &str, c: &mut Client) {
        c.int(format!("EVALSHA {} 1 {}", self.invalidate, set_of(tag)));
    }

    fn invalidation_commands(&self) -> &'static [&'static str] {
        &["evalsha"]
    }
}
