"""bars: what was promised, and what was measured for it."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.bench import builds, images, lives, today
from tests.bench.commands import COMMAND, PYTHON
from tests.bench.kinds import PIPED, TERMINAL, USER, VOLUME, named
from tests.bench.rounds import ratio
from tests.bench.today import NAME as TODAY
from tests.bench.ways import FLOOR, NONE_AHEAD, NOTEBOOK

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
    user_limit: float | None = None  # where it is another one for an ordinary user

    def limit_for(self, user: str) -> float:
        """Return the number for "root" or "user"."""
        if user == "user" and self.user_limit is not None:
            return self.user_limit
        return self.limit

    def met(self, value: float, user: str) -> bool:
        """Say if this value keeps the promise."""
        limit = self.limit_for(user)
        return value <= limit if self.at_most else value >= limit


def measured(data: Data) -> dict[str, float]:
    """Return a value for every bar that can be told from the data."""
    values = {}
    for bar in BARS:
        try:
            values[bar.name] = bar.measure(data)
        except LookupError:  # a peer that is not there, a number of containers
            continue
        except ValueError:  # nothing in it: hidden from this user, or it failed
            continue
    return values


def _default(way: str, to: str) -> Callable[[Data], float]:
    return lambda data: ratio(data["boxes"]["default"], way, to)


def _volume(way: str, to: str) -> Callable[[Data], float]:
    return lambda data: ratio(data["boxes"]["a volume"], way, to)


def _today(
    situation: str, of: str = TODAY, to: str = COMMAND
) -> Callable[[Data], float]:
    ways = named(of, situation), named(to, situation)
    return lambda data: ratio(data["situations"], *ways)


def _other(word: str) -> Callable[[Data], float]:
    ours = f"cfs {word}"
    return lambda data: ratio(data["subcommands"], ours, named(TODAY, ours))


def _beside(part: str, way: str, to: str) -> Callable[[Data], float]:
    return lambda data: ratio(data[part]["times"], way, to)


def _images(way: str, to: str) -> Callable[[Data], float]:
    return _beside("images", way, to)


def _spread(data: Data) -> float:
    """Return how many times as long the slowest of three situations takes."""
    times = data["situations"]
    three = [named(COMMAND, kind) for kind in (PIPED, TERMINAL, VOLUME)]
    three.sort(key=lambda way: median(times[way]))
    return ratio(times, three[-1], three[0])


def _in_flight(data: Data) -> float:
    ours, floors = (data["flight"][way]["8"] for way in (NOTEBOOK, FLOOR))
    return median(mine / floor for mine, floor in zip(ours, floors, strict=True))


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


def _child(data: Data) -> float:
    return median(data["child"][IN_A_ROW]) / 1e6


def _lines(data: Data) -> float:
    return float(data["lines"]) / today.LINES


def median(values: Iterable[float]) -> float:
    """Return the middle one."""
    return float(statistics.median(values))


BARS = (
    Bar("today / new, at a terminal", 4, _today(TERMINAL), at_most=False),
    Bar("today / new, with a volume", 4, _today(VOLUME), at_most=False),
    Bar("today / new, as 1000:1000", 4, _today(USER), at_most=False),
    Bar("piped, terminal, volume: slowest/fastest", 1.4, _spread),
    Bar("new / today, piped", 1.2, _today(PIPED, COMMAND, TODAY)),
    Bar(f"cfs run true / {PYTHON}", 2, _default(COMMAND, PYTHON)),
    Bar("cfs run / crun", 1.2, _default(COMMAND, "crun"), user_limit=1.5),
    Bar("cfs run / runc", 0.7, _default(COMMAND, "runc"), user_limit=0.75),
    Bar("notebook, none ahead / C floor", 2, _default(NONE_AHEAD, FLOOR)),
    Bar("notebook / C floor", 1.3, _default(NOTEBOOK, FLOOR)),
    Bar("notebook with a volume / C floor", 1.4, _volume(NOTEBOOK, FLOOR)),
    Bar("per second, 8 in flight: notebook/floor", 0.55, _in_flight, at_most=False),
    Bar("PSS of a container's init, KB", 800, _init),
    Bar("cfs ns / today", 0.5, _other("ns")),
    Bar("cfs --help / today", 0.5, _other("--help")),
    Bar("cfs --version / today", 0.5, _other("--version")),
    Bar("cfs doctor / today", 0.6, _other("doctor")),
    Bar("lines without views, lessons / today", 0.92, _lines),
    Bar("cfs run -d / podman", 0.25, _beside("lives", lives.RUN, lives.PODMAN_RUN)),
    Bar("cfs exec / podman", 0.25, _beside("lives", lives.EXEC, lives.PODMAN_EXEC)),
    Bar("cfs exec / runc", 0.9, _beside("lives", lives.EXEC, lives.RUNC_EXEC)),
    Bar("load of an image / umoci unpack", 0.4, _images(images.LOAD, images.UMOCI)),
    Bar("load of an image / podman pull", 0.9, _images(images.LOAD, images.PODMAN)),
    Bar("load again / load", 0.02, _images(images.AGAIN, images.LOAD)),
    Bar("memory of a load, MB", 64, lambda data: data["images"]["load KB"] / 1024),
    Bar(
        "start: 20 layers / rootfs",
        1.15,
        _images(images.FROM_LAYERS, images.FROM_ROOTFS),
    ),
    Bar("build / buildah", 0.5, _images(builds.BUILD, builds.BUILDAH)),
    Bar(
        "build, cached / buildah",
        0.3,
        _images(builds.CACHED, builds.BUILDAH_CACHED),
    ),
    # What was promised before, and is still to hold.
    Bar("bubblewrap / notebook", 1.7, _default("bwrap", NOTEBOOK), at_most=False),
    Bar("crun / notebook", 3, _default("crun", NOTEBOOK), at_most=False),
    Bar("runc / notebook", 11, _default("runc", NOTEBOOK), at_most=False),
    Bar("start with 500 alive / with 1", 1.5, _crowd),
    Bar("first container of a kernel, ms more", 60, _first_and_later),
    Bar("in_child(lambda: None), ms", 2, _child),
)
