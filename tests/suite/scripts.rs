//! Commands called by Lua scripts and functions.

use redis::Value;

use crate::common::{Client, Fields, Server, wait_until};

/// Runs a script on the keys and arguments, both plain words.
fn eval(c: &mut Client, script: &str, keys: &str, args: &str) -> String {
    call(c, &["EVAL", script], keys, args)
}

/// The same for any command that takes a number of keys, keys and arguments.
fn call(c: &mut Client, command: &[&str], keys: &str, args: &str) -> String {
    let count = keys.split_whitespace().count().to_string();
    let plain = keys.split_whitespace().chain(args.split_whitespace());
    let words: Vec<&[u8]> = command
        .iter()
        .copied()
        .chain([&*count])
        .chain(plain)
        .map(str::as_bytes)
        .collect();
    c.text(&words[..])
}

/// A function for each thing a test does, loaded as one library.
const LIBRARY: &str = "#!lua name=cache
redis.register_function('store', function(keys, args)
  return redis.call('CACHE.SET', keys[1], args[1], 'TAGS', 1, args[2])
end)
redis.register_function{function_name='read', flags={'no-writes'}, callback=function(keys, args)
  return redis.call(args[1], keys[1])
end}
redis.register_function('lock', function(keys, args)
  return redis.call('CACHE.GETORLOCK', keys[1], 'WAIT', '60000')
end)";

fn load_library(c: &mut Client) {
    c.check([&b"FUNCTION"[..], b"LOAD", LIBRARY.as_bytes()], "cache");
}

#[test]
fn every_command_can_be_called() {
    let s = Server::start();
    let mut c = s.client();
    let script = "
        local k, other = KEYS[1], KEYS[2]
        local seen = {}
        local function note(reply) seen[#seen + 1] = reply end
        note(redis.call('CACHE.SET', k, 'v', 'EX', 100, 'TAGS', 2, 'a', 'b'))
        note(redis.call('CACHE.GET', k))
        note(redis.call('CACHE.MGET', k, other))
        note(redis.call('CACHE.GETEX', k, 'EX', 50))
        note(redis.call('CACHE.EXISTS', k, other))
        note(redis.call('CACHE.SETTAGS', k, 'a'))
        note(redis.call('CACHE.TAGS', k))
        note(redis.call('CACHE.TAGSCAN', 'a', 0))
        note(redis.call('CACHE.TAGLIST', 0))
        note(redis.call('CACHE.TAGINFO', 'a'))
        local token = redis.call('CACHE.GETORLOCK', other)[3]
        note(redis.call('CACHE.GETORLOCK', other, 'WAIT', 60000))
        note(redis.call('CACHE.RENEW', other, token, 50000))
        note(redis.call('CACHE.UNLOCK', other, token))
        note(redis.call('CACHE.MARKSTALE', 'a'))
        note(redis.call('CACHE.INVALIDATE', 'a'))
        note(redis.call('CACHE.INFO', k))
        note(redis.call('CACHE.STATS', 'PREFIXES'))
        note(redis.call('CACHE.STATS', 'RESET'))
        return seen";
    assert_eq!(
        eval(&mut c, script, "p:k p:other", ""),
        "[OK v [v nil] v :1 :1 [a] [0 [p:k]] [0 [a :1]] \
         [entries :1 invalidated-at-ms :0 marked-stale-at-ms :0] \
         [busy nil nil] :1 :1 :1 :0 nil [p] OK]"
    );
}

/// Lua has no integers: a token must survive being a double.
#[test]
fn a_token_is_exact_in_lua() {
    let s = Server::start();
    let mut c = s.client();
    let script = "local token = redis.call('CACHE.GETORLOCK', KEYS[1], 'LEASE', 60000)[3]
        local lease = redis.call('CACHE.INFO', KEYS[1])[16]
        assert(token == lease and token % 1 == 0 and token < 2^53)
        return token";
    let token = eval(&mut c, script, "k", "");
    assert_eq!(token, c.info("k").text("lease"));
    let script = "local token = redis.call('CACHE.INFO', KEYS[1])[16]
        redis.call('CACHE.RENEW', KEYS[1], token, 50000)
        return redis.call('CACHE.SET', KEYS[1], 'v', 'TOKEN', token)";
    assert_eq!(eval(&mut c, script, "k", ""), "OK");
    c.check("CACHE.GET k", "v");
}

#[test]
fn errors_can_be_caught() {
    let s = Server::start();
    let mut c = s.client();
    c.check("RPUSH list x", ":1");
    let caught = "return {redis.pcall(unpack(ARGV)).err, redis.call('CACHE.SET', 'after', 'v')}";
    for (command, error) in [
        ("CACHE.SETTAGS list a", "WRONGTYPE "),
        ("CACHE.RENEW list 0 1", "ERR invalid token"),
        ("CACHE.SET list v EX 0", "ERR invalid expire time"),
        ("CACHE.STATS PREFIX", "ERR syntax error"),
    ] {
        let reply = eval(&mut c, caught, "", command);
        assert!(
            reply.starts_with(&format!("[{error}")),
            "{command}: {reply}"
        );
        assert!(reply.ends_with(" OK]"), "{command}: {reply}");
    }
    let raised = eval(
        &mut c,
        "return redis.call('CACHE.GET', KEYS[1])",
        "list",
        "",
    );
    assert!(raised.starts_with("-WRONGTYPE "), "{raised}");
}

#[test]
fn scripts_may_ask_for_maps() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v GRACE 5 EX 100 TAGS 1 a", "OK");
    let script = "redis.setresp(3)
        local info = redis.call('CACHE.INFO', KEYS[1])
        local tag = redis.call('CACHE.TAGINFO', 'a')
        local stats = redis.call('CACHE.STATS')
        local nothing = redis.call('CACHE.GET', 'none')
        return {info.map.state, info.map['grace-ms'], info.map.tags, tag.map.entries,
                type(stats.map['hit-rate'].double), tostring(nothing)}";
    assert_eq!(
        eval(&mut c, script, "k", ""),
        "[fresh :5000 [a] :1 number nil]"
    );
    c.run("HELLO 3");
    let script = b"redis.setresp(3); return redis.call('CACHE.TAGINFO', 'a')";
    let map = c.run([&b"EVAL"[..], script, b"0"]);
    assert!(matches!(map, Value::Map(_)), "{map:?}");
    assert_eq!(Fields::of(map).int("entries"), 1);
}

#[test]
fn functions_work_like_scripts() {
    let s = Server::start();
    let mut c = s.client();
    load_library(&mut c);
    assert_eq!(call(&mut c, &["FCALL", "store"], "k", "v a"), "OK");
    assert_eq!(call(&mut c, &["FCALL", "read"], "k", "CACHE.GET"), "v");
    assert_eq!(
        call(&mut c, &["FCALL_RO", "read"], "k", "CACHE.TAGS"),
        "[a]"
    );
    c.lease("locked LEASE 60000");
    assert_eq!(
        call(&mut c, &["FCALL", "lock"], "locked", ""),
        "[busy nil nil]"
    );
    c.check("CACHE.INVALIDATE a", ":1");
    assert_eq!(call(&mut c, &["FCALL", "read"], "k", "CACHE.GET"), "nil");
}

#[test]
fn a_script_that_promised_not_to_write_may_only_read() {
    let s = Server::start();
    let mut c = s.client();
    load_library(&mut c);
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    for command in [
        "CACHE.GET",
        "CACHE.MGET",
        "CACHE.EXISTS",
        "CACHE.TAGS",
        "CACHE.INFO",
        "CACHE.TAGINFO",
    ] {
        let reply = call(&mut c, &["FCALL_RO", "read"], "k", command);
        assert!(!reply.starts_with('-'), "{command}: {reply}");
        let script = "#!lua flags=no-writes\nreturn redis.call(ARGV[1], KEYS[1])";
        for how in ["EVAL", "EVAL_RO"] {
            let reply = call(&mut c, &[how, script], "k", command);
            assert!(!reply.starts_with('-'), "{how} {command}: {reply}");
        }
    }
    for command in [
        "CACHE.GETEX",
        "CACHE.GETORLOCK",
        "CACHE.SETTAGS",
        "CACHE.INVALIDATE",
        "CACHE.MARKSTALE",
    ] {
        let reply = call(&mut c, &["FCALL_RO", "read"], "k", command);
        assert!(
            reply.starts_with("-ERR Write commands are not allowed from read-only scripts"),
            "{command}: {reply}"
        );
    }
    c.check("CACHE.TAGS k", "[a]");
}

/// The script is its own client, which never disconnects.
#[test]
fn a_bound_lease_of_a_script_does_not_end_with_the_connection() {
    let s = Server::start();
    let (mut c, mut caller) = (s.client(), s.client());
    let id = caller.int("CLIENT ID");
    let script = "return redis.call('CACHE.GETORLOCK', KEYS[1], 'BOUND', 'LEASE', 60000)[1]";
    assert_eq!(eval(&mut caller, script, "k", ""), "miss");
    let bound = caller.lease("ends BOUND LEASE 60000");
    drop(caller);
    wait_until("the connection is gone", || {
        c.text(format!("CLIENT LIST ID {id}")) == "''"
    });
    wait_until("what was bound to it has ended", || {
        c.text("CACHE.INFO ends") == "nil"
    });
    assert!(bound > 0);
    c.check("CACHE.GETORLOCK k", "[busy nil nil]");
}

#[test]
fn a_script_that_fills_wakes_who_waits() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let waiters: [Client; 3] = s.waiters("k WAIT 60000");
    let script = "redis.call('CACHE.SET', KEYS[1], 'v', 'TAGS', 1, 'a')
        redis.call('CACHE.INVALIDATE', 'a')
        redis.call('CACHE.SET', KEYS[1], ARGV[1])
        return redis.call('CACHE.UNLOCK', KEYS[1], ARGV[2])";
    assert_eq!(eval(&mut c, script, "k", &format!("last {token}")), ":0");
    for mut waiter in waiters {
        waiter.check_reply("[fresh last nil]");
    }
}
