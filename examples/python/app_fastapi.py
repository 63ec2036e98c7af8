"""Slow pages made quick with larder_asyncio.py. REDIS_URL names the server.

    uvicorn app_fastapi:app
"""

import asyncio
import functools
import os
from contextlib import asynccontextmanager

import redis.asyncio
from fastapi import FastAPI, HTTPException

import catalogue
from larder_asyncio import AsyncCache

URL = os.environ.get("REDIS_URL", "redis://localhost")
cache = AsyncCache(functools.partial(redis.asyncio.Redis.from_url, URL), prefix="fastapi")


@asynccontextmanager
async def lifespan(_: FastAPI):
    yield
    await cache.aclose()


app = FastAPI(lifespan=lifespan)


@app.get("/products/{product_id}")
@cache.cached(ttl=60, grace=300, tags=lambda product_id: [f"product:{product_id}"])
async def product(product_id: int):
    await asyncio.sleep(catalogue.DELAY)
    found = catalogue.read(product_id)
    if not found:
        raise HTTPException(404)  # not kept: only what is returned is
    return found


@app.get("/brands/{brand}")
@cache.cached(ttl=60, grace=300, tags=lambda brand: [f"brand:{brand}"])
async def products_of(brand: int):
    await asyncio.sleep(catalogue.DELAY)
    return catalogue.read_brand(brand)


@app.put("/products/{product_id}")
async def rename(product_id: int, name: str):
    if product_id not in catalogue.products:
        raise HTTPException(404)
    return {"invalidated": await cache.invalidate(*catalogue.rename(product_id, name))}


@app.get("/stats")
async def stats():
    return await cache.stats()
