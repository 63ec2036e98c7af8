"""A response cache on Larder, to be copied into your project. Needs redis-py 5 or newer.

Reads do not fail: without Redis, or without the module, functions are simply called. Writes and invalidations
raise redis.RedisError. Times are seconds. Values come back as JSON makes them, a tuple as a list.
"""

import functools
import json
import logging
import threading
import time
from contextlib import suppress

import redis

NOTHING = object()
log = logging.getLogger("larder")


class Cache:
    """For threads. `connect` makes a client of the settings it is given: `Cache(redis.Redis)`."""

    def __init__(self, connect, prefix="", lease=5.0, wait=5.0, timeout=1.0):
        self.prefix, self._lease, self._wait = prefix, round(lease * 1000), round(wait * 1000)
        form = {"protocol": 2, "decode_responses": False, "socket_connect_timeout": timeout, "retry": None}
        self._redis = connect(socket_timeout=timeout, **form)
        self._waiting = connect(socket_timeout=timeout + wait, **form)  # each command on a connection of its own
        self._counts = {"hits": 0, "misses": 0, "bypasses": 0, "seconds": 0.0}
        self._counting, self._away_until = threading.Lock(), 0.0

    def get(self, key, default=None):
        started = time.perf_counter()
        value = self._decoded(started, self._attempt(self._redis, "CACHE.GET", self.name(key)))
        return default if value is NOTHING else value

    def set(self, key, value, ttl=None, grace=0, tags=()):
        self._redis.execute_command(*self._storing(key, value, ttl, grace, tags))

    def delete(self, *keys):
        return self._redis.unlink(*map(self.name, keys))

    def exists(self, key):
        return self._attempt(self._redis, "CACHE.EXISTS", self.name(key)) == 1

    def invalidate(self, *tags):
        return self._redis.execute_command("CACHE.INVALIDATE", *map(self.name, tags))

    def clear(self, prefix=""):
        """Walks all keys of the server. Prefer a tag: one round trip, however many entries carry it."""
        removed, cursor = 0, None
        while cursor != 0:
            cursor, keys = self._redis.scan(cursor or 0, match=self._pattern(prefix), count=1000)
            removed += self._redis.unlink(*keys) if keys else 0
        return removed

    def get_or_compute(self, key, fn, ttl=None, grace=0, tags=()):
        """The value of `key`, or else of `fn()`, which is called once however many ask."""
        started = time.perf_counter()
        reply = self._attempt(self._waiting, *self._locking(key))
        text, token = (NOTHING, None) if reply is NOTHING else reply[1:]
        value = self._decoded(started, text)
        if token is None:
            return json.loads(json.dumps(fn())) if value is NOTHING else value
        fill = functools.partial(self._fill, key, token, fn, ttl, grace, tags)
        if value is NOTHING:
            return fill()
        threading.Thread(target=fill).start()
        return value  # a stale one, while the thread refreshes it

    def cached(self, ttl=None, grace=0, tags=(), key=None):
        """Keeps what a function returns. `tags` and `key` may be functions of its arguments."""

        def decorate(fn):
            group = f"{fn.__module__}.{fn.__qualname__}"  # all its entries carry it as a tag
            name = key or (lambda *args, **kwargs: f"{group}:{json.dumps([args, kwargs], sort_keys=True)}")

            @functools.wraps(fn)
            def call(*args, **kwargs):
                all_tags = [group, *(tags(*args, **kwargs) if callable(tags) else tags)]
                return self.get_or_compute(name(*args, **kwargs), lambda: fn(*args, **kwargs), ttl, grace, all_tags)

            call.cache_key, call.cache_clear = name, functools.partial(self.invalidate, group)
            return call

        return decorate

    def stats(self):
        return self._counted(self._attempt(self._redis, "CACHE.STATS"))

    def name(self, word):
        """What a key or tag is called in Redis."""
        return f"{self.prefix}:{word}" if self.prefix else word

    def _fill(self, key, token, fn, ttl, grace, tags):
        done, stored = threading.Event(), NOTHING
        threading.Thread(target=self._renew, args=(key, token, done), daemon=True).start()
        try:
            command = self._storing(key, fn(), ttl, grace, tags, token)
            stored = self._attempt(self._redis, *command)
        finally:
            done.set()
            if stored is NOTHING:
                self._attempt(self._redis, "CACHE.UNLOCK", self.name(key), token)
        return json.loads(command[2])

    def _renew(self, key, token, done):
        while not done.wait(self._lease / 3000):
            self._attempt(self._redis, "CACHE.RENEW", self.name(key), token, self._lease)

    def _attempt(self, client, *command):
        try:
            return NOTHING if time.monotonic() < self._away_until else client.execute_command(*command)
        except redis.RedisError as error:
            return self._failed(command[0], error)

    def _failed(self, command, error):
        if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
            self._away_until = time.monotonic() + 1  # not every caller has to find out
        log.warning("%s: %s", command, error)
        return NOTHING

    def _locking(self, key):
        return "CACHE.GETORLOCK", self.name(key), "LEASE", self._lease, "WAIT", self._wait, "BOUND"

    def _storing(self, key, value, ttl, grace, tags, token=None):
        words = ["CACHE.SET", self.name(key), json.dumps(value)]
        for option, seconds in ("PX", ttl), ("PGRACE", grace):
            words += [option, round(seconds * 1000)] if seconds else []
        words += ["TOKEN", token] if token else []
        return [*words, "TAGS", len(tags), *map(self.name, tags)]

    def _pattern(self, prefix):
        return "".join("\\" + c if c in "*?[\\" else c for c in self.name(prefix)) + "*"

    def _decoded(self, started, text):
        value = NOTHING
        with suppress(TypeError, ValueError):  # nothing there, or not JSON
            value = json.loads(text)
        outcome = "bypasses" if text is NOTHING else "misses" if value is NOTHING else "hits"
        with self._counting:
            self._counts[outcome] += 1
            self._counts["seconds"] += time.perf_counter() - started
        return value

    def _counted(self, reply):
        hits, misses, bypasses, seconds = self._counts.values()
        rate, average = hits / max(1, hits + misses), 1000 * seconds / max(1, hits + misses + bypasses)
        server = {} if reply is NOTHING else {n.decode(): float(v) for n, v in zip(reply[::2], reply[1::2])}
        own = {"hits": hits, "misses": misses, "bypasses": bypasses, "hit_rate": rate, "average_ms": average}
        return own | {"server": server}
