"""bars: what was promised, and what was measured for it."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.bench.rounds import ratio
from tests.bench.ways import COMMAND, FLOOR, NONE_AHEAD, NOTEBOOK, PYTHON

UNTIL_IT_RUNS = "until the command runs"
IN_A_ROW = "one right after the other"

Data = dict[str, Any]  # what was measured as one user


@dataclass(frozen=True)
class Bar:
    """One promise: a number, and on which side of it the measured one should be."""

    name: str
    limit: float
    measure: Callable[[Data], float]
    at_most: bool = True

    def met(self, value: float) -> bool:
        """Say if this value keeps the promise."""
        return value <= self.limit if self.at_most else value >= self.limit


def measured(data: Data) -> dict[str, float]:
    """Return a value for every bar that can be told from the data."""
    values = {}
    for bar in BARS:
        try:
            values[bar.name] = bar.measure(data)
        except LookupError:  # a peer that is not there, a number of containers
            continue
        except statistics.StatisticsError:  # nothing in it: hidden from this user
            continue
    return values


def _default(way: str, to: str) -> Callable[[Data], float]:
    return lambda data: ratio(data["boxes"]["default"], way, to)


def _first_and_later(data: Data) -> float:
    """Return how many ms the first container takes more than a later one."""
    return median((first - median(later)) / 1e6 for first, *later in data["fresh"])


def _crowd(data: Data) -> float:
    """Return how a start with 500 containers alive compares with one with 1."""
    times = (data["alive"][number]["times"] for number in ("1", "500"))
    few, many = (each[NONE_AHEAD] for each in times)  # made ahead, it would not show
    return median(many) / median(few)


def _init(data: Data) -> float:
    weights = [kb for each in data["alive"].values() for kb in each["init KB"]]
    return median(kb for kb in weights if kb is not None)


def median(values: Iterable[float]) -> float:
    """Return the middle one."""
    return float(statistics.median(values))


BARS = (
    Bar("notebook, none ahead / C floor", 2.0, _default(NONE_AHEAD, FLOOR)),
    Bar("notebook / C floor", 1.3, _default(NOTEBOOK, FLOOR)),
    Bar("bubblewrap / notebook", 1.7, _default("bwrap", NOTEBOOK), at_most=False),
    Bar("crun / notebook", 3, _default("crun", NOTEBOOK), at_most=False),
    Bar("runc / notebook", 11, _default("runc", NOTEBOOK), at_most=False),
    Bar(f"cfs run true / {PYTHON}", 1.35, _default(COMMAND, PYTHON)),
    Bar("runc / cfs run true", 2, _default("runc", COMMAND), at_most=False),
    Bar("PSS of a container's init, KB", 280, _init),
    Bar("start with 500 alive / with 1", 1.5, _crowd),
    Bar("first container of a kernel, ms more", 60, _first_and_later),
    Bar(
        "in_child(lambda: None), ms",
        2,
        lambda data: median(data["child"][IN_A_ROW]) / 1e6,
    ),
)
