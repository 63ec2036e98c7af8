//! The rows of `replication_table`: every command in every outcome, and what a replica is sent.

use crate::common::WRONG_TYPE;

/// What was there, what was called (both: commands, separated by `;`), the reply to the last of
/// them, and what arrived. `<token>` is the latest token granted. In what arrived, `*` stands for any
/// word, `T` for a time in ms (the present, give or take a minute), and `T+n` for `n` ms after the
/// first `T` of the line.
pub(crate) struct Row(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static [&'static str],
);

/// All of them.
pub(crate) const TABLE: [&[Row]; 6] = [SETS, FILLS, LEASES, TAGS, READS, EFFECTS];

/// Nothing is sent.
const NOTHING: &[&str] = &[];
/// A key whose lease is out and which holds nothing.
const PENDING: &str = "CACHE.GETORLOCK k LEASE 60000";
const FRESH: &str = "CACHE.SET k old EX 100 GRACE 50 TAGS 2 a b";
/// A key whose value is stale and will be for long.
const STALE: &str = "CACHE.SET k old EX 100 GRACE 50 TAGS 2 a b; EXPIRE k 40";
const OTHER: &str = "RPUSH k x";
const SYNTAX: &str = "-ERR syntax error";

const SETS: &[Row] = &[
    Row("", "CACHE.SET k v", "OK", &["CACHE.APPLYSET k v T,,,,,"]),
    Row(
        FRESH,
        "CACHE.SET k v EX 100 GRACE 50 TAGS 3 a b a",
        "OK",
        &["CACHE.APPLYSET k v T,,,50000,T+150000, a b"],
    ),
    Row(
        "",
        "CACHE.SET k v PXAT 99999999999999 PGRACE 7",
        "OK",
        &["CACHE.APPLYSET k v T,,,7,100000000000006,"],
    ),
    Row(
        "",
        "CACHE.SET k v EXAT 99999999999",
        "OK",
        &["CACHE.APPLYSET k v T,,,,99999999999000,"],
    ),
    Row(
        "CACHE.SET k old PXAT 99999999999999 PGRACE 7",
        "CACHE.SET k v KEEPTTL TAGS 1 c",
        "OK",
        &["CACHE.APPLYSET k v T,,,7,100000000000006, c"],
    ),
    Row(
        STALE,
        "CACHE.SET k v KEEPTTL",
        "OK",
        &["CACHE.APPLYSET k v T,,,,,"],
    ),
    Row("", "CACHE.SET k v NX", "OK", &["CACHE.APPLYSET k v T,,,,,"]),
    Row(
        PENDING,
        "CACHE.SET k v NX",
        "OK",
        &["CACHE.APPLYSET k v T,,,,,"],
    ),
    Row(FRESH, "CACHE.SET k v NX", "nil", NOTHING),
    Row(STALE, "CACHE.SET k v NX", "nil", NOTHING),
    Row(OTHER, "CACHE.SET k v NX", "nil", NOTHING),
    Row(
        STALE,
        "CACHE.SET k v XX",
        "OK",
        &["CACHE.APPLYSET k v T,,,,,"],
    ),
    Row("", "CACHE.SET k v XX", "nil", NOTHING),
    Row(PENDING, "CACHE.SET k v XX", "nil", NOTHING),
    Row(OTHER, "CACHE.SET k v", "OK", &["CACHE.APPLYSET k v T,,,,,"]),
    Row(FRESH, "CACHE.SET k v EXAT 1", "OK", &["UNLINK k"]),
    Row(OTHER, "CACHE.SET k v EXAT 1", "OK", &["UNLINK k"]),
    Row("", "CACHE.SET k v EXAT 1", "OK", NOTHING),
    Row("", "CACHE.SET k v NX XX", SYNTAX, NOTHING),
    Row(
        "",
        "CACHE.SET k v EX 0",
        "-ERR invalid expire time in 'cache.set' command",
        NOTHING,
    ),
    Row(
        "CONFIG SET maxmemory 1",
        "CACHE.SET k v",
        "-OOM command not allowed when used memory > 'maxmemory'.",
        NOTHING,
    ),
];

const FILLS: &[Row] = &[
    Row(
        PENDING,
        "CACHE.SET k v TOKEN <token> PX 5000 PGRACE 7000 TAGS 1 a",
        "OK",
        &["CACHE.APPLYSET k v T,*,,7000,T+12000, a"],
    ),
    Row(
        "CACHE.SET k old EX 100 GRACE 50; EXPIRE k 40; CACHE.GETORLOCK k",
        "CACHE.SET k v TOKEN <token>",
        "OK",
        &["CACHE.APPLYSET k v T,*,,,,"],
    ),
    Row(PENDING, "CACHE.SET k v TOKEN 5", "nil", NOTHING),
    Row("", "CACHE.SET k v TOKEN 5", "nil", NOTHING),
    Row(OTHER, "CACHE.SET k v TOKEN 5", "nil", NOTHING),
    Row(
        "CACHE.GETORLOCK k LEASE 60000; CACHE.INVALIDATE a",
        "CACHE.SET k v TOKEN <token> TAGS 1 a",
        "nil",
        &["UNLINK k"],
    ),
    Row(
        "CACHE.SET k old EX 100 GRACE 50; EXPIRE k 40; CACHE.GETORLOCK k; CACHE.MARKSTALE a",
        "CACHE.SET k v TOKEN <token> TAGS 1 a",
        "nil",
        NOTHING,
    ),
];

const LEASES: &[Row] = &[
    Row("", PENDING, "[miss nil <token>]", NOTHING),
    Row(PENDING, "CACHE.GETORLOCK k", "[busy nil nil]", NOTHING),
    Row(FRESH, "CACHE.GETORLOCK k", "[fresh old nil]", NOTHING),
    Row(
        STALE,
        "CACHE.GETORLOCK k LEASE 60000",
        "[stale old <token>]",
        NOTHING,
    ),
    Row(
        STALE,
        "CACHE.GETORLOCK k FRESH LEASE 60000",
        "[miss nil <token>]",
        NOTHING,
    ),
    Row(
        "CACHE.SET k old EX 100 GRACE 50; EXPIRE k 40; CACHE.GETORLOCK k",
        "CACHE.GETORLOCK k",
        "[stale old nil]",
        NOTHING,
    ),
    Row(
        "CACHE.GETORLOCK k; CACHE.UNLOCK k <token> BACKOFF 60000",
        "CACHE.GETORLOCK k WAIT 1000",
        "[busy nil nil]",
        NOTHING,
    ),
    Row(
        "CACHE.APPLYSET k v 1700000000000,100000,,,99999999999999,",
        "CACHE.GETORLOCK k EARLY 1e18",
        "[fresh v <token>]",
        NOTHING,
    ),
    Row(OTHER, "CACHE.GETORLOCK k", WRONG_TYPE, NOTHING),
    Row("", "CACHE.GETORLOCK k EARLY", SYNTAX, NOTHING),
    Row(
        "CACHE.SET k old TAGS 1 a; CONFIG SET cache.reclaim-inline 0",
        "MULTI; CACHE.INVALIDATE a; CACHE.GETORLOCK k LEASE 60000; EXEC",
        "[:1 [miss nil <token>]]",
        &["MULTI", "CACHE.APPLYINVALIDATE T a", "UNLINK k", "EXEC"],
    ),
    Row(PENDING, "CACHE.RENEW k <token> 30000", ":1", NOTHING),
    Row(
        STALE,
        "CACHE.GETORLOCK k; CACHE.RENEW k <token> 50000",
        ":1",
        NOTHING,
    ),
    Row(PENDING, "CACHE.RENEW k 5 1000", ":0", NOTHING),
    Row("", "CACHE.RENEW k 5 1000", ":0", NOTHING),
    Row(OTHER, "CACHE.RENEW k 5 1000", WRONG_TYPE, NOTHING),
    Row(PENDING, "CACHE.UNLOCK k <token>", ":1", &["UNLINK k"]),
    Row(
        PENDING,
        "CACHE.UNLOCK k <token> BACKOFF 1000",
        ":1",
        NOTHING,
    ),
    Row(
        STALE,
        "CACHE.GETORLOCK k LEASE 50000; CACHE.UNLOCK k <token>",
        ":1",
        NOTHING,
    ),
    Row(PENDING, "CACHE.UNLOCK k 5", ":0", NOTHING),
    Row("", "CACHE.UNLOCK k 5", ":0", NOTHING),
    Row(OTHER, "CACHE.UNLOCK k 5", WRONG_TYPE, NOTHING),
    Row("", "CACHE.UNLOCK k 5 BACKOFF", SYNTAX, NOTHING),
];

const TAGS: &[Row] = &[
    Row(
        FRESH,
        "CACHE.SETTAGS k x y x",
        ":1",
        &["CACHE.APPLYTAGS k x y"],
    ),
    Row(STALE, "CACHE.SETTAGS k", ":1", &["CACHE.APPLYTAGS k"]),
    Row("", "CACHE.SETTAGS k x", ":0", NOTHING),
    Row(PENDING, "CACHE.SETTAGS k x", ":0", NOTHING),
    Row(OTHER, "CACHE.SETTAGS k x", WRONG_TYPE, NOTHING),
    Row(
        "",
        "CACHE.INVALIDATE a b",
        ":0",
        &["CACHE.APPLYINVALIDATE T a b"],
    ),
    Row(
        "CACHE.SET k v TAGS 1 a; CACHE.SET l v TAGS 2 a b",
        "CACHE.INVALIDATE a",
        ":2",
        &["MULTI", "CACHE.APPLYINVALIDATE T a", "UNLINK l k", "EXEC"],
    ),
    Row("", "CACHE.MARKSTALE a", ":0", &["CACHE.APPLYMARKSTALE T a"]),
    Row(
        FRESH,
        "CACHE.MARKSTALE a",
        ":1",
        &["MULTI", "CACHE.APPLYMARKSTALE T a", "PEXPIREAT k T", "EXEC"],
    ),
    Row(
        "CACHE.SET k v EX 100 TAGS 1 a",
        "CACHE.MARKSTALE a",
        ":1",
        &["MULTI", "CACHE.APPLYMARKSTALE T a", "UNLINK k", "EXEC"],
    ),
    Row(
        STALE,
        "CACHE.MARKSTALE a",
        ":1",
        &["CACHE.APPLYMARKSTALE T a"],
    ),
];

const READS: &[Row] = &[
    Row(FRESH, "CACHE.GET k", "old", NOTHING),
    Row(STALE, "CACHE.GET k", "nil", NOTHING),
    Row(STALE, "CACHE.GET k STALE", "old", NOTHING),
    Row(PENDING, "CACHE.GET k STALE", "nil", NOTHING),
    Row(OTHER, "CACHE.GET k", WRONG_TYPE, NOTHING),
    Row(FRESH, "CACHE.MGET k none", "[old nil]", NOTHING),
    Row(FRESH, "CACHE.EXISTS k none k", ":2", NOTHING),
    Row(FRESH, "CACHE.TAGS k", "[a b]", NOTHING),
    Row("", "CACHE.INFO k", "nil", NOTHING),
    Row("", "CACHE.TAGINFO a", "nil", NOTHING),
    Row(FRESH, "CACHE.TAGSCAN a 0", "[0 [k]]", NOTHING),
    Row("", "CACHE.TAGLIST 0", "[0 []]", NOTHING),
    Row("", "CACHE.STATS RESET", "OK", NOTHING),
    Row(FRESH, "CACHE.VERIFY", "[]", NOTHING),
    Row(FRESH, "CACHE.GETEX k", "old", NOTHING),
    Row(
        FRESH,
        "CACHE.GETEX k PXAT 99999999900000",
        "old",
        &["PEXPIREAT k 99999999950000"],
    ),
    Row(FRESH, "CACHE.GETEX k EX 10", "old", &["PEXPIREAT k T"]),
    Row(FRESH, "CACHE.GETEX k PERSIST", "old", &["PERSIST k"]),
    Row("CACHE.SET k v", "CACHE.GETEX k PERSIST", "v", NOTHING),
    Row("CACHE.SET k v", "CACHE.GETEX k EXAT 1", "v", &["UNLINK k"]),
    Row(STALE, "CACHE.GETEX k EX 10", "nil", NOTHING),
    Row("", "CACHE.GETEX k EX 10", "nil", NOTHING),
    Row(OTHER, "CACHE.GETEX k EX 10", WRONG_TYPE, NOTHING),
];

/// Effects that come from somebody else than a primary are passed on as they are.
const EFFECTS: &[Row] = &[
    Row(
        "",
        "CACHE.APPLYSET k v 1700000000000,5,,6,99999999999999, a",
        "OK",
        &["CACHE.APPLYSET k v 1700000000000,5,,6,99999999999999, a"],
    ),
    Row("", "CACHE.APPLYSET k v 1,,,, a", SYNTAX, NOTHING),
    Row(FRESH, "CACHE.APPLYTAGS k c", ":1", &["CACHE.APPLYTAGS k c"]),
    Row(OTHER, "CACHE.APPLYTAGS k c", WRONG_TYPE, NOTHING),
    Row(
        "",
        "CACHE.APPLYINVALIDATE 1700000000000 a",
        ":0",
        &["CACHE.APPLYINVALIDATE 1700000000000 a"],
    ),
    Row(
        "",
        "CACHE.APPLYINVALIDATE x a",
        "-ERR value is not an integer or out of range",
        NOTHING,
    ),
    Row(
        STALE,
        "CACHE.APPLYMARKSTALE 99999999999999 a",
        ":1",
        &["CACHE.APPLYMARKSTALE 99999999999999 a"],
    ),
    Row(
        "",
        "CACHE.APPLYMARKSTALE x a",
        "-ERR value is not an integer or out of range",
        NOTHING,
    ),
];
