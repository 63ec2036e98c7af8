import functools
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from conftest import PlainServer, info, until
from larder import Cache
from server import Server

CROWD = pathlib.Path(__file__).with_name("crowd.py")


def test_values_are_kept_as_json_under_prefixed_names(cache, raw):
    cache.set("product:7", {"name": "Fahrrad – blau", "sizes": (1, 2)}, ttl=60, grace=30, tags=["brand:3"])
    assert cache.get("product:7") == {"name": "Fahrrad – blau", "sizes": [1, 2]}
    assert json.loads(raw.execute_command("CACHE.GET", "shop:product:7"))["sizes"] == [1, 2]
    assert raw.execute_command("CACHE.TAGS", "shop:product:7") == ["shop:brand:3"]
    assert 89_000 < raw.pttl("shop:product:7") <= 90_000


def test_none_is_a_value_and_nothing_is_the_default(cache):
    cache.set("none", None)
    assert cache.get("none", "default") is None
    assert cache.get("absent", "default") == "default"
    assert (cache.exists("none"), cache.exists("absent")) == (True, False)
    assert cache.get_or_compute("none", lambda: pytest.fail("computed")) is None


def test_what_is_not_json_is_nothing(cache, raw):
    raw.execute_command("CACHE.SET", "shop:k", b"\x01\x80")
    assert cache.get("k") is None
    assert cache.get_or_compute("k", lambda: "computed") == "computed"


def test_delete_and_clear_take_what_they_name_and_no_more(cache, raw):
    names = ["a", "b", "page:1", "page:2", "page*"]
    for name in names:
        cache.set(name, name)
    raw.set("other:page:1", "not ours")
    assert cache.delete("a", "absent") == 1
    assert cache.clear("page*") == 1
    assert cache.clear("page:") == 2
    assert [name for name in names if cache.exists(name)] == ["b"]
    assert cache.clear() == 1
    assert raw.dbsize() == 1


def test_invalidation_by_tag(cache):
    for name, tags in {"a": ["x"], "b": ["y"], "c": ["x", "y"], "d": []}.items():
        cache.set(name, name, tags=tags)
    assert cache.invalidate("x", "y") == 4
    assert [cache.get(name) for name in "abcd"] == [None, None, None, "d"]


def test_processes_full_of_threads_make_one_computation(server, raw):
    command = [sys.executable, str(CROWD), str(server.port), "50"]
    with ThreadPoolExecutor(2) as pool:
        crowds = [pool.submit(subprocess.run, command, capture_output=True, timeout=60) for _ in range(2)]
    assert [json.loads(crowd.result().stdout) for crowd in crowds] == [[{"computation": 1}] * 50] * 2
    assert raw.get("computations") == "1"


def test_a_stale_value_is_served_while_one_thread_refreshes_it(cache, raw):
    release, computed = threading.Event(), []

    def refresh():
        computed.append("new")
        release.wait(10)
        return "new"

    cache.set("page", "old", ttl=60, grace=60, tags=["pages"])
    raw.execute_command("CACHE.MARKSTALE", "shop:pages")
    assert [cache.get_or_compute("page", refresh, ttl=60) for _ in range(5)] == ["old"] * 5
    until("one is computing", lambda: computed == ["new"])
    release.set()
    until("refreshed", lambda: cache.get("page") == "new")


def test_the_lease_is_renewed_while_a_computation_lasts(make, raw):
    cache, computed = make(lease=0.3), []

    def compute():
        computed.append(1)
        time.sleep(1.2)  # four times the lease
        return "value"

    others = [threading.Thread(target=cache.get_or_compute, args=("k", compute, 60)) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert computed == [1]
    assert raw.execute_command("CACHE.GET", "shop:k") == '"value"'


def test_a_failure_hands_the_lease_to_the_next(make, raw):
    cache = make(lease=60, wait=10)
    entered, fail = threading.Event(), threading.Event()

    def failing():
        entered.set()
        fail.wait(10)
        raise LookupError("the source is gone")

    def first():
        with pytest.raises(LookupError):
            cache.get_or_compute("k", failing)

    one = threading.Thread(target=first)
    one.start()
    entered.wait(10)
    answers = []
    two = threading.Thread(target=lambda: answers.append(cache.get_or_compute("k", lambda: "value")))
    two.start()
    until("the second waits", lambda: info(raw, "shop:k").get("waiters") == 1)
    fail.set()
    one.join(), two.join()
    assert answers == ["value"] and cache.get("k") == "value"


def test_a_value_that_cannot_be_kept_frees_the_others(make, raw):
    cache = make(lease=60, wait=1)
    with pytest.raises(TypeError):
        cache.get_or_compute("k", object)
    assert cache.get_or_compute("k", lambda: "value", tags=["x" * 2000]) == "value"  # too long a tag
    assert raw.execute_command("CACHE.GETORLOCK", "shop:k")[0] == "miss"


def test_a_late_computation_is_not_kept(cache, raw):
    def compute():
        cache.invalidate("products")
        return "from old data"

    assert cache.get_or_compute("k", compute, tags=["products"]) == "from old data"
    assert cache.get("k") is None


def test_decorated_functions(cache, raw):
    calls = []

    @cache.cached(ttl=60, tags=lambda number, **_: [f"number:{number}"])
    def square(number, *, scale=1):
        """Squares."""
        calls.append(number)
        return number * number * scale

    assert [square(2), square(2), square(3), square(2, scale=5)] == [4, 4, 9, 20]
    assert calls == [2, 3, 2]
    assert (square.__name__, square.__doc__) == ("square", "Squares.")
    cache.invalidate("number:2")
    assert [square(2), square(3)] == [4, 9] and calls == [2, 3, 2, 2]
    cache.delete(square.cache_key(3))
    assert square(3) == 9 and len(calls) == 5
    square.cache_clear()
    assert [square(2), square(3)] == [4, 9] and len(calls) == 7


def test_a_key_of_ones_own(cache, raw):
    cache.cached(key=lambda user: f"user:{user}")(lambda user: user)(5)
    assert raw.execute_command("CACHE.GET", "shop:user:5") == "5"


def test_statistics(cache):
    cache.get("k")
    cache.get_or_compute("k", lambda: 1)
    for _ in range(6):
        cache.get("k")
    stats = cache.stats()
    assert (stats["hits"], stats["misses"], stats["bypasses"], stats["hit_rate"]) == (6, 2, 0, 0.75)
    assert 0 < stats["average_ms"] < 1000
    assert (stats["server"]["hits"], stats["server"]["fills"]) == (6, 1)


def test_without_redis_functions_are_called(cache, server, caplog):
    cache.set("k", "cached")
    server.__exit__()
    started = time.monotonic()
    assert cache.get_or_compute("k", lambda: "computed") == "computed"
    assert [cache.get_or_compute(str(n), lambda: n) for n in range(100)] == list(range(100))
    assert (cache.get("k"), cache.exists("k"), cache.stats()["server"]) == (None, False, {})
    assert time.monotonic() - started < 5
    assert cache.stats()["bypasses"] >= 102
    assert "CACHE.GETORLOCK" in caplog.text
    with pytest.raises(redis.ConnectionError):
        cache.invalidate("tag")


def test_redis_going_away_during_a_computation_costs_no_answer(cache, server):
    def compute():
        server.__exit__()
        return "computed"

    assert cache.get_or_compute("k", compute) == "computed"


def test_redis_coming_back_is_noticed(cache, server, monkeypatch):
    server.__exit__()
    assert cache.get_or_compute("k", lambda: "computed") == "computed"
    monkeypatch.setattr("server.free_port", lambda: server.port)
    with Server():
        until("kept again", lambda: cache.get_or_compute("k", lambda: "kept", ttl=60) and cache.exists("k"))


def test_a_server_without_the_module_is_no_reason_to_fail(caplog):
    with PlainServer() as plain:
        cache = Cache(functools.partial(redis.Redis, port=plain.port))
        assert cache.get_or_compute("k", lambda: "computed") == "computed"
        assert "unknown command" in caplog.text


def test_a_server_that_hangs_costs_one_timeout(make, server):
    cache = make(wait=0.2, timeout=0.3)
    server._process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert [cache.get_or_compute(str(n), lambda: n) for n in range(50)] == list(range(50))
        assert time.monotonic() - started < 5
    finally:
        server._process.send_signal(signal.SIGCONT)


def test_an_error_of_the_function_is_not_taken_for_the_caches_own(cache):
    def compute():
        raise redis.ConnectionError("the function's own")

    with pytest.raises(redis.ConnectionError, match="the function's own"):
        cache.get_or_compute("k", compute)
    assert cache.get_or_compute("k", lambda: "value") == "value"
    assert cache.get("k") == "value"
