"""plot: the times and the crowd, as one picture."""

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from tests.bench.rounds import Times, quantile
from tests.bench.ways import COMMAND, NOTEBOOK, PROGRAM

OURS, OTHERS = "tab:blue", "tab:gray"


def draw(data: dict[str, Any], file: Path) -> None:
    """Draw how long a start takes, one panel for each user."""
    mpl.use("Agg")  # into a file, not on a screen
    users = [user for user in ("root", "user") if user in data]
    figure, panels = plt.subplots(
        len(users), 1, figsize=(8, 3.5 * len(users)), sharex=True, squeeze=False
    )
    for panel, user in zip(panels[:, 0], users, strict=True):
        _bars(panel, data[user]["boxes"]["default"])
        panel.set_title("as root" if user == "root" else "as an ordinary user")
    machine = data["machine"]
    panels[-1, 0].set_xlabel(
        "one container, from the call to its end: ms, median with p10 and p90\n"
        f"Linux {machine['kernel']}, {machine['processors']} processors, "
        f"Python {machine['python']}, {machine['date']}"
    )
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    plt.close(figure)


def _bars(panel: Any, times: Times) -> None:
    names = sorted(times, key=lambda name: -statistics.median(times[name]))
    middle = [statistics.median(times[name]) / 1e6 for name in names]
    low, high = ([quantile(times[name], n) / 1e6 for name in names] for n in (1, 9))
    whiskers = [
        [max(0.0, m - each) for m, each in zip(middle, low, strict=True)],
        [max(0.0, each - m) for m, each in zip(middle, high, strict=True)],
    ]
    ours = (NOTEBOOK, PROGRAM, COMMAND)
    colours = [OURS if name in ours else OTHERS for name in names]
    drawn = panel.barh(names, middle, xerr=whiskers, color=colours, capsize=2)
    panel.bar_label(drawn, [f"{value:.1f}" for value in middle], padding=12)
    panel.set_xscale("log")
    panel.margins(x=0.15)
