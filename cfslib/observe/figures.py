"""figures: how much a group or a container uses, as `docker stats` shows it."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.isolation.limits import Limits
from cfslib.observe import meter, trees
from cfslib.observe.trees import Trees
from cfslib.runtime import direct
from cfslib.runtime.container import Created
from cfslib.runtime.spec import Spec

MOMENT = 0.3  # seconds between two looks, to know how fast a figure grows
# A file that a group has which counts this.
_USED = {
    "pids": "pids.current",
    "memory": "cgroup.procs",
    "cpu": "cpu.stat",
    "cpuacct": "cgroup.procs",
}


@dataclass(frozen=True)
class Figures:
    """How much was in use at one moment; None where nobody counts it."""

    processes: int | None = None
    memory: int | None = None  # bytes
    seconds: float | None = None  # of a processor, since the beginning
    no: int = 0  # how often the kernel refused, made wait, or killed


def of_group(among: Trees, name: str) -> Figures:
    """Read the figures of a group that has this name in each tree."""
    pids, memory, cpu = (among[c] / name for c in ("pids", "memory", "cpu"))
    no = (
        _counted(pids / "pids.events", "max"),
        _counted(among.file(memory, "memory.events"), "oom_kill"),
        _counted(cpu / "cpu.stat", "nr_throttled"),
    )
    used = _seconds(among["cpuacct"] / name)
    return Figures(
        _number(pids / "pids.current"),
        _number(among.file(memory, "memory.current")),
        used,
        sum(no),
    )


def of_container(pid: int) -> Figures:
    """Read the figures of the container whose PID 1 this is, as seen outside."""
    places: dict[str, Path] = {}
    for name, file in _USED.items():
        with suppress(CannotLimit):  # not every machine has every controller
            if group := meter.group_of(pid, name, file):
                places[name] = _with_limits(group)
    if "pids" not in places:
        return Figures(processes=meter.processes(pid))
    return of_group(Trees(places, trees.version()), ".")


def of_command(
    argv: Sequence[str], limits: Limits | None = None
) -> tuple[Figures, float]:
    """Start a container, and end it soon; return its figures, and its processors."""
    return in_child(lambda: _watched(Spec(argv, limits=limits)))


def _watched(spec: Spec) -> tuple[Figures, float]:
    with Created(spec, lambda: direct.rootfs_for(spec, os.environb)) as made:
        made.start()
        made.channel.hear()  # that it runs
        before = of_container(made.pid1.pid)
        time.sleep(MOMENT)
        after = of_container(made.pid1.pid)
        made.pid1.kill()
        made.pid1.wait()
    return after, ((after.seconds or 0) - (before.seconds or 0)) / MOMENT


def _with_limits(group: Path) -> Path:
    """Return the group around the processes', which has the limits."""
    return group.parent if group.name == "inner" else group


def _number(file: Path) -> int | None:
    return int(file.read_text()) if file.exists() else None


def _seconds(group: Path) -> float | None:
    if (usage := _number(group / "cpuacct.usage")) is not None:  # v1, in ns
        return usage / 1e9
    if (group / "cpu.stat").exists():  # v2, in us
        return _counted(group / "cpu.stat", "usage_usec") / 1e6
    return None


def _counted(file: Path, what: str) -> int:
    """Return a number out of a file with a word and a number in each line."""
    words = file.read_text().split() if file.exists() else []
    return int(words[words.index(what) + 1]) if what in words else 0
