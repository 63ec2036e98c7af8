"""The Python of README.md, run from top to bottom."""

import pathlib
import re
from types import SimpleNamespace

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"


def test_the_readme(server):
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE))
    database = SimpleNamespace(
        product=lambda number: {"id": number},
        user=lambda number: {"id": number},
        report=lambda: "a report",
        save=lambda changed: None,
    )
    example = {"REDIS_URL": f"redis://localhost:{server.port}", "database": database, "__name__": "example"}
    exec(compile(code, str(README), "exec"), example)
    example["save"]({"id": 9, "name": "Grace"})
    assert example["cache"].get("user:9")["name"] == "Grace"
    assert example["stats"]["bypasses"] == 0
