"""plot: how long a start takes, as a picture for README.md.

Its ground is white on a dark page too, so that it reads the same everywhere.
"""

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from PIL import Image

from tests.bench.rounds import Times, quantile
from tests.bench.ways import FLOOR, OURS

# Blue and orange are told apart by colour-blind people too.
BLUE, ORANGE, GREY = "#0072b2", "#e69f00", "#b8b8b8"
TICKS = (1, 2, 5, 10, 20, 50, 100, 200)
COLOURS = 64  # enough for smooth letters, and a third of the bytes


def draw(data: dict[str, Any], file: Path) -> None:
    """Draw the default container's times, one panel for each user."""
    mpl.use("Agg")  # into a file, not on a screen
    users = [user for user in ("root", "user") if user in data]
    heights = [len(data[user]["boxes"]["default"]) for user in users]
    figure, panels = plt.subplots(
        len(users),
        1,
        figsize=(8, 1.6 + 0.3 * sum(heights)),
        sharex=True,
        squeeze=False,
        height_ratios=heights,
    )
    for panel, user in zip(panels[:, 0], users, strict=True):
        _bars(panel, data[user]["boxes"]["default"])
        panel.set_title("as root" if user == "root" else "as an ordinary user")
    _axis(panels[-1, 0], data["machine"])
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)
    Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)


def _bars(panel: Any, times: Times) -> None:
    names = sorted(times, key=lambda name: -statistics.median(times[name]))
    middle = [statistics.median(times[name]) / 1e6 for name in names]
    low, high = ([quantile(times[name], n) / 1e6 for name in names] for n in (1, 9))
    whiskers = [
        [max(0.0, m - each) for m, each in zip(middle, low, strict=True)],
        [max(0.0, each - m) for m, each in zip(middle, high, strict=True)],
    ]
    colours = [_colour(name) for name in names]
    panel.barh(names, middle, xerr=whiskers, color=colours, capsize=2)
    beside = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
    for place, (value, end) in enumerate(zip(middle, high, strict=True)):
        panel.annotate(f"{value:.1f}", (max(value, end), place), **beside)
    for label in panel.get_yticklabels():
        if _colour(label.get_text()) == BLUE:
            label.set(color=BLUE, weight="bold")
    panel.axvline(
        statistics.median(times[FLOOR]) / 1e6, color=ORANGE, linestyle="--", zorder=0
    )
    panel.set_xscale("log")
    panel.margins(x=0.1)
    panel.spines[["top", "right"]].set_visible(False)


def _colour(name: str) -> str:
    if name in OURS:
        return BLUE
    return ORANGE if name == FLOOR else GREY


def _axis(panel: Any, machine: dict[str, str]) -> None:
    panel.set_xticks(TICKS, [str(tick) for tick in TICKS])
    panel.minorticks_off()
    panel.set_xlabel(
        "ms for one container, on a logarithmic axis: median, p10 and p90\n"
        "blue: ours; dashed: the C floor, which does only what the kernel must\n"
        f"Linux {machine['kernel']}, {machine['processors']} processors, "
        f"Python {machine['python']}, {machine['date']}"
    )
