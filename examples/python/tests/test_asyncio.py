import asyncio
import time

import pytest
import redis
from conftest import DEADLINE, info


def run(make_async, scenario, **settings):
    """Runs a scenario with a cache of its own event loop."""

    async def whole():
        cache = make_async(**settings)
        try:
            await scenario(cache)
        finally:
            await cache.aclose()

    asyncio.run(asyncio.wait_for(whole(), 60))


async def until(what, condition):
    deadline = time.monotonic() + DEADLINE
    while not await condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.01)


async def value():
    return "value"


def test_every_call(make_async):
    async def scenario(cache):
        await cache.set("a", [1], ttl=60, grace=60, tags=["x"])
        await cache.set("b", None)
        assert (await cache.get("a"), await cache.get("b", 1), await cache.get("c", 1)) == ([1], None, 1)
        assert (await cache.exists("a"), await cache.exists("c")) == (True, False)
        assert await cache.invalidate("x") == 1
        assert await cache.delete("a", "b") == 1
        await cache.set("page:1", 1)
        assert await cache.clear("page:") == 1
        stats = await cache.stats()
        assert (stats["hits"], stats["misses"], stats["server"]["hits"]) == (2, 1, 2)

    run(make_async, scenario)


def test_many_tasks_make_one_computation(make_async):
    computed = []

    async def slow():
        computed.append(1)
        await asyncio.sleep(0.3)
        return "value"

    async def scenario(cache):
        answers = await asyncio.gather(*(cache.get_or_compute("k", slow, ttl=60) for _ in range(50)))
        assert answers == ["value"] * 50 and computed == [1]

    run(make_async, scenario)


def test_a_stale_value_is_served_while_a_task_refreshes_it(make_async, raw):
    async def scenario(cache):
        release = asyncio.Event()

        async def refresh():
            await release.wait()
            return "new"

        await cache.set("k", "old", ttl=60, grace=60, tags=["t"])
        raw.execute_command("CACHE.MARKSTALE", "shop:t")
        async with asyncio.timeout(DEADLINE):
            assert [await cache.get_or_compute("k", refresh, ttl=60) for _ in range(5)] == ["old"] * 5
        release.set()
        await until("refreshed", lambda: has_value(cache))

    async def has_value(cache):
        return await cache.get("k") == "new"

    run(make_async, scenario)


def test_the_lease_is_renewed(make_async):
    computed = []

    async def slow():
        computed.append(1)
        await asyncio.sleep(1.2)  # four times the lease
        return "value"

    async def scenario(cache):
        await asyncio.gather(*(cache.get_or_compute("k", slow, ttl=60) for _ in range(3)))
        assert computed == [1] and await cache.get("k") == "value"

    run(make_async, scenario, lease=0.3)


def test_a_computation_that_is_cancelled_gives_up_its_lease(make_async, raw):
    async def scenario(cache):
        never = asyncio.Event()
        task = asyncio.create_task(cache.get_or_compute("k", never.wait))
        await until("it computes", lambda: state("pending"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await cache.get_or_compute("k", value) == await cache.get("k") == "value"

    async def state(wanted):
        return info(raw, "shop:k").get("state") == wanted

    run(make_async, scenario, lease=60, wait=1)


def test_a_waiter_that_is_cancelled_does_not_become_the_next(make_async, raw):
    async def scenario(cache):
        _, _, token = raw.execute_command("CACHE.GETORLOCK", "shop:k", "LEASE", 60_000)
        task = asyncio.create_task(cache.get_or_compute("k", value))
        await until("it waits", lambda: waiting(1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until("it is forgotten", lambda: waiting(0))
        raw.execute_command("CACHE.UNLOCK", "shop:k", token)
        assert await cache.get_or_compute("k", value) == await cache.get("k") == "value"

    async def waiting(count):
        return info(raw, "shop:k").get("waiters") == count

    run(make_async, scenario)


def test_decorated_coroutine_functions(make_async):
    calls = []

    async def scenario(cache):
        @cache.cached(ttl=60, tags=lambda number: [f"number:{number}"])
        async def square(number):
            calls.append(number)
            return number * number

        assert asyncio.iscoroutinefunction(square)
        assert [await square(2), await square(2), await square(3)] == [4, 4, 9] and calls == [2, 3]
        await cache.invalidate("number:2")
        assert await square(2) == 4 and calls == [2, 3, 2]
        await square.cache_clear()
        await cache.delete(square.cache_key(9))
        assert await square(3) == 9 and calls == [2, 3, 2, 3]

    run(make_async, scenario)


def test_without_redis_functions_are_called(make_async, server):
    async def scenario(cache):
        await cache.set("k", "cached")
        server.__exit__()
        assert [await cache.get_or_compute("k", value) for _ in range(50)] == ["value"] * 50
        assert (await cache.get("k"), (await cache.stats())["server"]) == (None, {})
        with pytest.raises(redis.ConnectionError):
            await cache.invalidate("tag")

    run(make_async, scenario)
