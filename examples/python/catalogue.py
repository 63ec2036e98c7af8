"""What the two applications serve: a few products, and a source that takes its time."""

import os

DELAY = float(os.environ.get("DELAY", "0.3"))  # seconds

products = {
    7: {"name": "a blue bicycle", "brand": 3},
    8: {"name": "a bell", "brand": 3},
    9: {"name": "a lamp", "brand": 4},
}

reads: list[str] = []  # what was asked of the source


def read(product_id: int) -> dict | None:
    reads.append(f"product {product_id}")
    return products.get(product_id)


def read_brand(brand: int) -> list[dict]:
    reads.append(f"brand {brand}")
    return [product for product in products.values() if product["brand"] == brand]


def rename(product_id: int, name: str) -> list[str]:
    """Changes a product. Returns the tags of what has to be computed anew."""
    products[product_id] |= {"name": name}
    return [f"product:{product_id}", f"brand:{products[product_id]['brand']}"]
