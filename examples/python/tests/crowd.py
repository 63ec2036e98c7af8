"""A process of which many threads want the same value at once: crowd.py PORT THREADS."""

import functools
import json
import pathlib
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import redis

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from larder import Cache  # noqa: E402

port, threads = map(int, sys.argv[1:])
connect = functools.partial(redis.Redis, port=port)
cache = Cache(connect, prefix="shop")
ready = threading.Barrier(threads)


def compute():
    with connect() as source:
        number = source.incr("computations")
        time.sleep(0.5)  # the work: long enough for all others to come
        return {"computation": number}


def ask(_):
    ready.wait()
    return cache.get_or_compute("page", compute, ttl=60)


# All processes begin together: when the last one has arrived.
with connect() as redis_:
    redis_.incr("arrived")
    while int(redis_.get("arrived")) < 2:
        time.sleep(0.005)
with ThreadPoolExecutor(threads) as pool:
    print(json.dumps(list(pool.map(ask, range(threads)))))
