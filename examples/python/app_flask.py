"""Slow pages made quick with larder.py. REDIS_URL names the server.

    flask --app app_flask run
"""

import functools
import os
import time

import redis
from flask import Flask, abort, request

import catalogue
from larder import Cache

URL = os.environ.get("REDIS_URL", "redis://localhost")
cache = Cache(functools.partial(redis.Redis.from_url, URL), prefix="flask")
app = Flask(__name__)


@app.get("/products/<int:product_id>")
@cache.cached(ttl=60, grace=300, tags=lambda product_id: [f"product:{product_id}"])
def product(product_id: int):
    time.sleep(catalogue.DELAY)
    return catalogue.read(product_id) or abort(404)  # not kept: only what is returned is


@app.get("/brands/<int:brand>")
@cache.cached(ttl=60, grace=300, tags=lambda brand: [f"brand:{brand}"])
def products_of(brand: int):
    time.sleep(catalogue.DELAY)
    return catalogue.read_brand(brand)


@app.put("/products/<int:product_id>")
def rename(product_id: int):
    if product_id not in catalogue.products:
        abort(404)
    return {"invalidated": cache.invalidate(*catalogue.rename(product_id, request.args["name"]))}


@app.get("/stats")
def stats():
    return cache.stats()
