"""Calls every CACHE.* command with redis-py, in RESP2 and in RESP3, and checks the replies.

A second opinion on the replies' form from a client that had no part in making them; the Rust suite
in tests/suite is the thorough one. Needs a built module (see server.py) and redis-server.
"""

import sys
import time
from collections.abc import Callable

import redis

import readme
from server import Server
from session import Session

MISS_BUSY = ["busy", None, None]


def set_and_get(s: Session) -> None:
    s.expect("CACHE.GET k", None)
    s.expect("CACHE.SET k v", "OK")
    s.expect("CACHE.GET k", "v")
    s.expect("CACHE.SET k w NX", None)
    s.expect("CACHE.SET k w XX", "OK")
    s.expect("CACHE.SET none v XX", None)
    s.expect("CACHE.SET k", "OK", "")
    s.expect("CACHE.GET k", "")
    s.expect("cache.set k v tags 2 a b px 9000 pgrace 1000 xx", "OK")
    s.expect("CACHE.TAGS k", ["a", "b"])
    raw = s.connect(text=False)
    every_byte = bytes(range(256))
    s.check("binary key and value", raw.execute_command("CACHE.SET", every_byte, every_byte), b"OK")
    s.check("binary value", raw.execute_command("CACHE.GET", every_byte), every_byte)
    raw.close()


def times(s: Session) -> None:
    s.expect("CACHE.SET k v", "OK")
    s.expect("PTTL k", -1)
    s.expect("CACHE.SET k v EX 10 GRACE 20", "OK")
    s.expect("PTTL k", lambda ms: 29_000 < ms <= 30_000)
    s.expect("CACHE.SET k w KEEPTTL", "OK")
    s.expect("PTTL k", lambda ms: 29_000 < ms <= 30_000)
    s.expect("CACHE.SET k v PX 5000", "OK")
    s.expect("PTTL k", lambda ms: 4_000 < ms <= 5_000)
    now = int(time.time())
    s.expect(f"CACHE.SET k v EXAT {now + 100} PGRACE 50000", "OK")
    s.expect("PEXPIRETIME k", (now + 150) * 1000)
    s.expect(f"CACHE.SET k v PXAT {now * 1000 + 7_000}", "OK")
    s.expect("PEXPIRETIME k", now * 1000 + 7_000)
    s.expect("CACHE.SET k v PX 1", "OK")
    s.until("a value without grace goes with its TTL", lambda: s.run("CACHE.GET k") is None)
    s.expect("CACHE.SET k v PX 1 GRACE 100", "OK")
    s.until("a value with grace turns stale", lambda: s.run("CACHE.GET k") is None)
    s.expect("CACHE.GET k STALE", "v")


def reads(s: Session) -> None:
    s.run("CACHE.SET fresh v EX 100 GRACE 10")
    s.run("CACHE.SET stale w EX 100 GRACE 10 TAGS 1 t")
    s.run("CACHE.MARKSTALE t")
    s.run("SET text x")
    s.expect("CACHE.GET fresh STALE", "v")
    s.expect("CACHE.GET stale", None)
    s.expect("CACHE.GET stale STALE", "w")
    s.expect("CACHE.GET stale STALE WITHMETA", lambda r: r[:3] == ["w", "stale", 0] and r[3] >= 0)
    s.expect("CACHE.GET fresh WITHMETA", lambda r: r[:2] == ["v", "fresh"] and 99_000 < r[2] <= 100_000)
    s.expect("CACHE.GET none WITHMETA", None)
    s.expect("CACHE.GET fresh NOMISS", "v")
    s.expect("CACHE.GET none NOMISS", None)
    s.expect("CACHE.MGET fresh none stale text fresh", ["v", None, None, None, "v"])
    s.expect("CACHE.EXISTS fresh stale none text fresh", 3)


def sliding(s: Session) -> None:
    s.run("CACHE.SET k v EX 10 GRACE 20")
    s.expect("CACHE.GETEX k", "v")
    s.expect("PTTL k", lambda ms: 29_000 < ms <= 30_000)
    s.expect("CACHE.GETEX k PX 60000", "v")
    s.expect("PTTL k", lambda ms: 79_000 < ms <= 80_000)
    s.expect("CACHE.GETEX k PERSIST", "v")
    s.expect("PTTL k", -1)
    s.expect("CACHE.GETEX none EX 10", None)


def leases(s: Session) -> None:
    first = s.lease("CACHE.GETORLOCK k")
    s.expect("CACHE.GETORLOCK k", MISS_BUSY)
    s.expect(f"CACHE.RENEW k {first} 9000", 1)
    s.expect(f"CACHE.RENEW k {first + 1} 9000", 0)
    s.expect(f"CACHE.UNLOCK k {first}", 1)
    s.expect(f"CACHE.UNLOCK k {first}", 0)
    second = s.lease("CACHE.GETORLOCK k LEASE 9000")
    s.check("tokens grow", second > first, True)
    s.expect(f"CACHE.SET k v TOKEN {first}", None)
    s.expect(f"CACHE.SET k v EX 100 GRACE 100 TOKEN {second} TAGS 1 t", "OK")
    s.expect("CACHE.GETORLOCK k", ["fresh", "v", None])
    s.run("CACHE.MARKSTALE t")
    s.expect("CACHE.GETORLOCK k", lambda r: r[:2] == ["stale", "v"] and r[2] > second)
    s.expect("CACHE.GETORLOCK k", ["stale", "v", None])
    s.expect("CACHE.GETORLOCK k FRESH", MISS_BUSY)
    third = s.lease("CACHE.GETORLOCK pause")
    s.expect(f"CACHE.UNLOCK pause {third} BACKOFF 9000", 1)
    s.expect("CACHE.GETORLOCK pause WAIT 9000", MISS_BUSY)
    s.run("CACHE.SET forever v")
    s.expect("CACHE.GETORLOCK forever EARLY 1.5", ["fresh", "v", None])


def refused_fills(s: Session) -> None:
    token = s.lease("CACHE.GETORLOCK k")
    s.expect("CACHE.INVALIDATE t", 0)
    s.expect(f"CACHE.SET k old TOKEN {token} TAGS 2 u t", None)
    s.expect("CACHE.GET k", None)
    token = s.lease("CACHE.GETORLOCK k")
    s.expect("DEL k", 1)
    s.expect(f"CACHE.SET k old TOKEN {token}", None)
    token = s.lease("CACHE.GETORLOCK k")
    s.expect("CACHE.SET k new", "OK")
    s.expect(f"CACHE.SET k old TOKEN {token}", None)
    s.expect("CACHE.GET k", "new")


def waiters(s: Session) -> None:
    def queue(count: int) -> None:
        s.until(f"{count} waiting", lambda: s.fields("CACHE.INFO k")["waiters"] == count)

    token = s.lease("CACHE.GETORLOCK k")
    crowd = [s.background("CACHE.GETORLOCK k WAIT 9000") for _ in range(5)]
    queue(5)
    s.expect(f"CACHE.SET k v TOKEN {token}", "OK")
    s.check("a fill wakes all", [w.result() for w in crowd], [["fresh", "v", None]] * 5)

    s.run("DEL k")
    token = s.lease("CACHE.GETORLOCK k")
    elder = s.background("CACHE.GETORLOCK k WAIT 9000")
    queue(1)
    younger = s.background("CACHE.GETORLOCK k WAIT 9000")
    queue(2)
    s.run(f"CACHE.UNLOCK k {token}")
    status, value, heir = elder.result()
    s.check("the longest waiting is next", (status, value, heir > token), ("miss", None, True))
    s.run(f"CACHE.UNLOCK k {heir} BACKOFF 9000")
    s.check("a backoff sends the others away", younger.result(), MISS_BUSY)

    s.run("DEL k")
    s.lease("CACHE.GETORLOCK k")
    s.check("a wait ends", s.background("CACHE.GETORLOCK k WAIT 50").result(), MISS_BUSY)
    with s.connect() as other, other.pipeline(transaction=True) as block:
        reply = block.execute_command("CACHE.GETORLOCK", "k", "WAIT", 9000).execute()
    s.check("no waiting in MULTI", reply, [MISS_BUSY])

    with s.connect() as other:
        other.execute_command("CACHE.GETORLOCK", "bound", "LEASE", 60_000, "BOUND")
    s.until("BOUND ends with its connection", lambda: s.run("CACHE.GETORLOCK bound")[0] == "miss")


def tags(s: Session) -> None:
    s.run("CACHE.SET k v TAGS 3 a b a")
    s.expect("CACHE.TAGS k", ["a", "b"])
    s.expect("CACHE.SETTAGS k c", 1)
    s.expect("CACHE.TAGS k", ["c"])
    s.expect("CACHE.SETTAGS k", 1)
    s.expect("CACHE.TAGS k", [])
    s.expect("CACHE.SETTAGS none a", 0)
    s.expect("CACHE.TAGS none", None)


def invalidation(s: Session) -> None:
    with s.connect() as other, other.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe("__cache@0__:invalidate", "__cache@0__:markstale")
        s.until("subscribed", lambda: channel.get_message() is None and channel.subscribed and
                s.run("PUBSUB NUMSUB __cache@0__:markstale")[1] == 1)
        for key in "abc":
            s.run(f"CACHE.SET {key} v EX 100 GRACE 100 TAGS 2 all {key}")
        s.expect("CACHE.INVALIDATE a b none", 2)
        s.expect("CACHE.MGET a b c", [None, None, "v"])
        s.expect("CACHE.MARKSTALE all", lambda count: count >= 1)
        s.expect("CACHE.GET c STALE", "v")
        heard: list[tuple[str, str]] = []

        def hear() -> bool:
            if message := channel.get_message(timeout=0.1):
                heard.append((message["channel"].rsplit(":", 1)[1], message["data"]))
            return len(heard) >= 4

        s.until("four messages", hear)
        s.check("what was published", heard, [("invalidate", tag) for tag in ("a", "b", "none")] + [("markstale", "all")])


def inspection(s: Session) -> None:
    s.expect("CACHE.INFO k", None)
    token = s.lease("CACHE.GETORLOCK k")
    info = s.map("CACHE.INFO k")
    s.check("pending", (info["state"], info["lease"], info["waiters"]), ("pending", token, 0))
    s.run(f"CACHE.SET k value EX 100 GRACE 5 TOKEN {token} TAGS 1 topic")
    info = s.map("CACHE.INFO k")
    names = ["state", "size", "ttl-ms", "grace-ms", "age-ms", "compute-ms", "tags", "lease", "waiters"]
    s.check("fields of INFO", list(info), names)
    s.check("INFO", [info[n] for n in ("state", "size", "grace-ms", "tags", "lease")], ["fresh", 5, 5000, ["topic"], None])
    s.check("compute time was measured", info["compute-ms"], lambda ms: ms >= 0)
    s.expect("CACHE.TAGINFO none", None)
    tag = s.map("CACHE.TAGINFO topic")
    s.check("TAGINFO", tag, {"entries": 1, "invalidated-at-ms": 0, "marked-stale-at-ms": 0})


def scans(s: Session) -> None:
    def walk(line: str) -> list[str]:
        cursor, found = "0", []
        while True:
            cursor, page = s.run(line.format(cursor))
            found += page
            if cursor == "0":
                return found

    keys = {f"k{i}" for i in range(25)}
    for key in keys:
        s.run(f"CACHE.SET {key} v TAGS 2 all {key}")
    s.check("TAGSCAN finds all", set(walk("CACHE.TAGSCAN all {} COUNT 4")), keys)
    s.check("TAGSCAN of an unknown tag", walk("CACHE.TAGSCAN none {}"), [])
    found = walk("CACHE.TAGLIST {} COUNT 4")
    s.check("TAGLIST finds all", dict(zip(found[::2], found[1::2])), {"all": 25} | dict.fromkeys(keys, 1))
    s.check("TAGLIST MATCH", walk("CACHE.TAGLIST {} MATCH al?"), ["all", 25])


def statistics(s: Session) -> None:
    s.expect("CACHE.STATS RESET", "OK")
    s.run("CACHE.SET page:1 v")
    for key in ("page:1", "page:1", "page:2", "user:1"):
        s.run(f"CACHE.GET {key}")
    stats = s.map("CACHE.STATS")
    s.check("counters", [stats[n] for n in ("hits", "misses", "sets", "entries")], [2, 2, 1, 1])
    rate = stats["hit-rate"]
    s.check("hit rate's type", type(rate).__name__, "float" if s.protocol == 3 else "str")
    s.check("hit rate", float(rate), 0.5)
    s.expect("CACHE.STATS PREFIXES", ["page", "user"])
    page = s.map("CACHE.STATS PREFIX page")
    s.check("counters of a prefix", (page["hits"], page["misses"]), (2, 1))
    section = s.connect().info("cache")
    s.check("INFO cache", (section["cache_hits"], section["cache_misses"]), (2, 2))


def errors(s: Session) -> None:
    s.run("SET text x")
    wrong = "WRONGTYPE Operation against a key holding the wrong kind of value"
    for line in ("GET text", "GETEX text", "GETORLOCK text", "RENEW text 1 1", "UNLOCK text 1",
                 "SETTAGS text", "TAGS text", "INFO text"):  # fmt: skip
        s.refuse(f"CACHE.{line}", wrong)
    for line in ("SET k v EX", "SET k v NX XX", "SET k v EX 1 PX 1", "SET k v NX TOKEN 1", "SET k v WHAT",
                 "GET k WHAT", "GETEX k EX", "GETORLOCK k WAIT", "TAGSCAN t 0 WHAT"):  # fmt: skip
        s.refuse(f"CACHE.{line}", "syntax error")
    s.refuse("CACHE.SET k v EX 0", "invalid expire time in 'cache.set' command")
    s.refuse("CACHE.GETEX k PX -1", "invalid expire time in 'cache.getex' command")
    s.refuse("CACHE.SET k v EX 1.5", "value is not an integer or out of range")
    s.refuse("CACHE.TAGLIST x", "invalid cursor")
    for name in ("set", "get", "mget", "getex", "exists", "getorlock", "renew", "unlock", "settags", "tags",
                 "invalidate", "markstale", "info", "taginfo", "tagscan", "taglist"):  # fmt: skip
        s.refuse(f"CACHE.{name}", f"wrong number of arguments for 'cache.{name}' command")
    s.expect("CACHE.GET k", None)


GROUPS: list[Callable[[Session], None]] = [
    set_and_get, times, reads, sliding, leases, refused_fills, waiters,
    tags, invalidation, inspection, scans, statistics, errors,
    readme.readme_example, readme.readme_settings,
]  # fmt: skip


def run_group(server: Server, protocol: int, group: Callable[[Session], None]) -> Session:
    """One group on an empty database, its outcome printed as a line."""
    session = Session(server, protocol)
    session.run("FLUSHALL")
    session.run("CACHE.STATS RESET")
    try:
        group(session)
    except (redis.RedisError, TypeError, KeyError, ValueError, IndexError) as error:
        session.failures.append(f"gave up on {type(error).__name__}: {error}")
    session.close()
    name = group.__name__.replace("_", " ")
    print(f"{'FAIL' if session.failures else 'ok':4} RESP{protocol} {name} ({session.passed} passed)")
    for failure in session.failures:
        print(f"       {failure}")
    return session


def main() -> int:
    with Server() as server:
        sessions = [run_group(server, protocol, group) for protocol in (2, 3) for group in GROUPS]
        failed = sum(len(s.failures) for s in sessions)
        if failed:
            print(server.log_tail())
    print(f"{sum(s.passed for s in sessions)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
