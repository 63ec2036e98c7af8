"""A real server for each test, and the caches on it."""

import functools
import pathlib
import subprocess
import sys
import time

import pytest
import redis
import redis.asyncio

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2] / "tests" / "python")]

from larder import Cache  # noqa: E402
from larder_asyncio import AsyncCache  # noqa: E402
from server import Server  # noqa: E402

DEADLINE = 10.0


class PlainServer(Server):
    """A server without the module."""

    def _spawn(self, binary):
        return subprocess.Popen([binary, "--port", str(self.port), "--save", "", "--dir", self._dir.name],
                                stdout=subprocess.DEVNULL)  # fmt: skip


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture
def raw(server):
    """A plain client, to look from outside."""
    with redis.Redis(port=server.port, decode_responses=True, protocol=2) as client:
        yield client


@pytest.fixture
def make(server):
    return lambda **settings: Cache(functools.partial(redis.Redis, port=server.port), prefix="shop", **settings)


@pytest.fixture
def make_async(server):
    connect = functools.partial(redis.asyncio.Redis, port=server.port)
    return lambda **settings: AsyncCache(connect, prefix="shop", **settings)


@pytest.fixture
def cache(make):
    return make()


def until(what, condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)


def info(raw, key):
    """CACHE.INFO as a dict; empty if there is nothing."""
    reply = raw.execute_command("CACHE.INFO", key) or []
    return dict(zip(reply[::2], reply[1::2]))
