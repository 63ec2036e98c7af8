"""Draws the panels of larder.json from a Prometheus, without Grafana: draw.py URL SECONDS PICTURE.png [END]

Sends the queries of the dashboard itself, so it also shows which of them bring nothing. END is a Unix time, now
unless given. Needs matplotlib.
"""

import json
import pathlib
import sys
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

DASHBOARD = json.loads(pathlib.Path(__file__).with_name("larder.json").read_text())
STEP, RATE = 2, "20s"
UNITS = {
    "percentunit": (100, " %"),
    "bytes": (1 / 2**20, " MiB"),
    "s": (1e6, " µs"),
    "ms": (1, " ms"),
    "reqps": (1, "/s"),
    "ops": (1, "/s"),
}


def series(url, expression, seconds, end):
    """What a query brings, as pairs of labels and points (seconds since the beginning, value)."""
    query = expression.replace("$__rate_interval", RATE).replace("$instance", ".*")
    words = urllib.parse.urlencode({"query": query, "start": end - seconds, "end": end, "step": STEP})
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{words}", timeout=10) as reply:
        found = json.load(reply)["data"]["result"]
    return [(row["metric"], [(at - end + seconds, float(value)) for at, value in row["values"]]) for row in found]


def legend(target, labels):
    text = target["legendFormat"]
    for name, value in labels.items():
        text = text.replace("{{%s}}" % name, value)
    return text


def lines(panel, url, seconds, end):
    """All lines of a panel by name, without gaps' undefined values."""
    drawn = {}
    for target in panel["targets"]:
        found = series(url, target["expr"], seconds, end)
        if not found:
            print(f"nothing: {panel['title']}: {target['legendFormat']}", file=sys.stderr)
        for labels, points in found:
            drawn[legend(target, labels)] = [(at, value) for at, value in points if value == value]
    return {name: points for name, points in drawn.items() if points}


def draw(axes, panel, drawn):
    defaults = panel["fieldConfig"]["defaults"]
    factor, unit = UNITS.get(defaults["unit"], (1, ""))
    axes.set_title(panel["title"] + (f" ({unit.strip()})" if unit else ""), fontsize=9, loc="left")
    if panel["type"] == "stat":
        (points,) = drawn.values()
        axes.text(0.5, 0.45, f"{points[-1][1] * factor:,.4g}{unit}", fontsize=20, ha="center", va="center")
        return axes.set_axis_off()
    scaled = {name: ([at / 60 for at, _ in points], [v * factor for _, v in points]) for name, points in drawn.items()}
    if defaults["custom"]["stacking"]["mode"] == "normal":
        times = min((times for times, _ in scaled.values()), key=len)
        axes.stackplot(times, [values[-len(times) :] for _, values in scaled.values()], labels=scaled, alpha=0.7)
    else:
        for name, (times, values) in scaled.items():
            axes.plot(times, values, label=name, linewidth=1)
    axes.set_ylim(0, defaults["max"] * factor if "max" in defaults else None)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    axes.legend(
        fontsize=7, ncols=3 if len(drawn) > 4 else 4, loc="upper center", bbox_to_anchor=(0.5, -0.1), frameon=False
    )


def main(url, seconds, picture, end):
    figure = plt.figure(figsize=(15, 17))
    rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in DASHBOARD["panels"])
    for panel in DASHBOARD["panels"]:
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        place = (x / 24 + 0.025, 1 - (y + h) / rows + 0.045, w / 24 - 0.04, h / rows - 0.07)
        draw(figure.add_axes(place), panel, lines(panel, url, seconds, end))
    figure.savefig(picture, dpi=80)


if __name__ == "__main__":
    last = float(sys.argv[4]) if len(sys.argv) > 4 else time.time()
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], last // STEP * STEP)
