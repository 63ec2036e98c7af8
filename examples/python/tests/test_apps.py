"""Both applications, asked the way their users would."""

import asyncio
import importlib
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest


@pytest.fixture
def load(server, monkeypatch):
    """Imports an application anew, on this test's server."""
    monkeypatch.setenv("REDIS_URL", f"redis://localhost:{server.port}")

    def load(name):
        for module in (name, "catalogue"):
            sys.modules.pop(module, None)
        return importlib.import_module(name)

    return load


def visitor(app):
    """A client of the FastAPI application, without a port."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url="http://app")


def fields(reply):
    return reply.status_code, reply.json() if callable(reply.json) else reply.json


def visit(get, put, app, server):
    """The story both tell."""
    reads = app.catalogue.reads
    bicycle = {"name": "a blue bicycle", "brand": 3}
    assert [get("/products/7"), get("/products/7"), get("/products/9")[0]] == [(200, bicycle)] * 2 + [200]
    assert get("/brands/3")[1][0] == bicycle
    assert reads == ["product 7", "product 9", "brand 3"]
    assert put("/products/7?name=a+red+bicycle") == (200, {"invalidated": 2})
    assert get("/products/7")[1]["name"] == get("/brands/3")[1][0]["name"] == "a red bicycle"
    assert get("/products/9")[0] == 200
    assert reads[3:] == ["product 7", "brand 3"]
    assert (get("/products/1")[0], put("/products/1?name=x")[0]) == (404, 404)
    stats = get("/stats")[1]
    assert (stats["hits"], stats["misses"], stats["server"]["invalidations"]) == (2, 6, 2)
    server.__exit__()
    assert get("/products/7")[1]["name"] == "a red bicycle"
    assert get("/stats")[1]["server"] == {}


def test_fastapi(load, server):
    app = load("app_fastapi")
    with asyncio.Runner() as runner:
        client = visitor(app)
        get, put = (lambda url, ask=ask: fields(runner.run(ask(url))) for ask in (client.get, client.put))
        visit(get, put, app, server)
        runner.run(app.cache.aclose())


def test_flask(load, server):
    app = load("app_flask")
    client = app.app.test_client()
    get, put = (lambda url, ask=ask: fields(ask(url)) for ask in (client.get, client.put))
    visit(get, put, app, server)


def test_fifty_visitors_of_fastapi_wait_for_one_computation(load):
    app = load("app_fastapi")

    async def crowd():
        async with visitor(app) as client:
            answers = await asyncio.gather(*(client.get("/products/7") for _ in range(50)))
        await app.cache.aclose()
        return {(answer.status_code, answer.text) for answer in answers}

    assert len(asyncio.run(crowd())) == 1
    assert app.catalogue.reads == ["product 7"]


def test_fifty_visitors_of_flask_wait_for_one_computation(load):
    app = load("app_flask")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: app.app.test_client().get("/products/7").json, range(50)))
    assert answers == [{"name": "a blue bicycle", "brand": 3}] * 50
    assert app.catalogue.reads == ["product 7"]
