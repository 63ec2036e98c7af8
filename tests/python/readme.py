"""What README.md shows in Python and says of the settings, held against the server."""

import re
import threading
from typing import Any

from server import ROOT
from session import Session

README = (ROOT / "README.md").read_text()


def readme_example(s: Session) -> None:
    """Runs the README's `cached`: a miss, a hit, a stale value with a refresh, a failure."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    example: dict[str, Any] = {}
    exec(compile(code, "<README.md>", "exec"), example)
    example["cache"] = s.connect()
    computed: list[str] = []

    def page() -> tuple[str, list[str]]:
        computed.append(f"version {len(computed) + 1}")
        return computed[-1], ["pages"]

    threads = threading.active_count()
    cached = example["cached"]
    s.check("a miss is computed", cached("page", page), "version 1")
    s.check("a hit is not", (cached("page", page), len(computed)), ("version 1", 1))
    s.expect("CACHE.MARKSTALE pages", 1)
    s.check("a stale value is served", cached("page", page), "version 1")
    s.until("and refreshed", lambda: threading.active_count() == threads)
    s.expect("CACHE.GET page", "version 2")
    s.expect("CACHE.INVALIDATE pages", 1)
    s.check("an invalidated one is computed", cached("page", page), "version 3")
    try:
        cached("broken", lambda: [][0])
    except IndexError:
        s.expect("CACHE.GETORLOCK broken", ["busy", None, None])
    example["cache"].close()


def readme_settings(s: Session) -> None:
    """Compares the README's table of settings with the server's defaults."""
    table = re.findall(r"^\| `(cache\.[a-z-]+)` \| ([a-z0-9]+) \|", README, re.MULTILINE)
    with s.connect() as client:
        s.check("settings and defaults", dict(table), client.config_get("cache.*"))
