"""The cache of larder.py for asyncio; copy both. Whatever talks to Redis is a coroutine here."""

import asyncio
import functools
import json
import time

import redis

from larder import NOTHING, Cache


class AsyncCache(Cache):
    """`AsyncCache(redis.asyncio.Redis)`. Functions to be cached are coroutine functions."""

    def __init__(self, connect, prefix="", lease=5.0, wait=5.0, timeout=1.0):
        super().__init__(connect, prefix, lease, wait, timeout)
        self._tasks = set()

    async def aclose(self):
        """Waits for refreshes under way and closes the connections."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()
        await self._waiting.aclose()

    async def get(self, key, default=None):
        started = time.perf_counter()
        value = self._decoded(started, await self._attempt(self._redis, "CACHE.GET", self.name(key)))
        return default if value is NOTHING else value

    async def exists(self, key):
        return await self._attempt(self._redis, "CACHE.EXISTS", self.name(key)) == 1

    async def set(self, key, value, ttl=None, grace=0, tags=()):
        await self._redis.execute_command(*self._storing(key, value, ttl, grace, tags))

    async def clear(self, prefix=""):
        removed, cursor = 0, None
        while cursor != 0:
            cursor, keys = await self._redis.scan(cursor or 0, match=self._pattern(prefix), count=1000)
            removed += await self._redis.unlink(*keys) if keys else 0
        return removed

    async def get_or_compute(self, key, fn, ttl=None, grace=0, tags=()):
        started = time.perf_counter()
        reply = await self._attempt(self._waiting, *self._locking(key))
        text, token = (NOTHING, None) if reply is NOTHING else reply[1:]
        value = self._decoded(started, text)
        if token is None:
            return json.loads(json.dumps(await fn())) if value is NOTHING else value
        fill = self._fill(key, token, fn, ttl, grace, tags)
        if value is NOTHING:
            return await fill
        self._spawn(fill)
        return value

    def cached(self, ttl=None, grace=0, tags=(), key=None):
        def decorate(fn):
            kept = super(AsyncCache, self).cached(ttl, grace, tags, key)(fn)

            @functools.wraps(kept)
            async def call(*args, **kwargs):
                return await kept(*args, **kwargs)

            return call

        return decorate

    async def stats(self):
        return self._counted(await self._attempt(self._redis, "CACHE.STATS"))

    def _spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._tasks.discard)
        return task

    async def _fill(self, key, token, fn, ttl, grace, tags):
        stored, renewal = NOTHING, self._spawn(self._renew(key, token))
        try:
            command = self._storing(key, await fn(), ttl, grace, tags, token)
            stored = await self._attempt(self._redis, *command)
        finally:
            renewal.cancel()
            if stored is NOTHING:
                await self._attempt(self._redis, "CACHE.UNLOCK", self.name(key), token)
        return json.loads(command[2])

    async def _renew(self, key, token):
        while True:
            await asyncio.sleep(self._lease / 3000)
            await self._attempt(self._redis, "CACHE.RENEW", self.name(key), token, self._lease)

    async def _attempt(self, client, *command):
        try:
            return NOTHING if time.monotonic() < self._away_until else await client.execute_command(*command)
        except redis.RedisError as error:
            return self._failed(command[0], error)
