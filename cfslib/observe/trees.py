"""trees: directories of the kernel's in which groups can be made to try things with.

On v2 there is one, on v1 one for each controller.  All is gone afterwards, with every
process that is in there.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cfslib.isolation import cgroups
from cfslib.isolation.cgroups import hierarchies, v1
from cfslib.isolation.cgroups.group import Group
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import procfs, syscalls

CONTROLLERS = ("cpu", "memory", "pids")
DISKS = "io"  # which systemd seldom hands on, so we do without if we must
# In v2, every group counts and can freeze, and disks have another name.
ONLY_IN_V1 = ("blkio", "cpuacct", "freezer")
# What v1 calls a file of v2, if it has another name.
IN_V1 = {
    "memory.current": "memory.usage_in_bytes",
    "memory.max": "memory.limit_in_bytes",
    "memory.events": "memory.oom_control",
    "io.max": "blkio.throttle.write_bps_device",
}
_NO_SWAP = {2: "memory.swap.max", 1: "memory.swappiness"}  # where to write 0


class Trees:
    """A directory to make groups in, for each controller: on v2 it is always the same.

    >>> Trees({"pids": Path("/sys/fs/cgroup/mine")}, 2)["pids"].name
    'mine'
    """

    def __init__(self, places: Mapping[str, Path], version: int) -> None:
        self.places, self.version = dict(places), version

    def __getitem__(self, controller: str) -> Path:
        if controller == DISKS and self.version == 1:
            controller = "blkio"
        return self.places.get(controller, self.places["pids"])

    def make(self, name: str) -> None:
        """Make a group of this name in every tree."""
        for place in set(self.places.values()):
            (place / name).mkdir()

    def join(self, name: str) -> None:
        """Move the calling process into the group of this name, in every tree."""
        for place in set(self.places.values()):
            syscalls.write(place / name / "cgroup.procs", "0")

    def file(self, group: Path, name: str) -> Path:
        """Return a file of a group by its name in v2, whatever it is called here."""
        return group / (name if self.version == 2 else IN_V1.get(name, name))

    def limit(self, group: Path, setting: str, value: object) -> None:
        """Write a limit as v2 has it; one of memory takes no room on the disk."""
        words = {setting: str(value)}
        if self.version == 1:
            words = _in_v1_words(setting, str(value))
        for file, text in words.items():
            syscalls.write(group / file, text)
        if setting.startswith("memory."):
            with suppress(OSError):  # not every kernel can swap
                syscalls.write(group / _NO_SWAP[self.version], "0")

    def disk(self, group: Path, place: Path) -> str:
        """Return the number of the disk under a directory, for "io.max" of a group.

        Raise `CannotLimit` if the group has no limits for disks, or there is no disk.
        """
        if not self.file(group, "io.max").exists():
            raise CannotLimit("no cgroup that we may make has limits for disks")
        return disk_under(place)


def disk_under(place: Path, known: Path = Path("/sys/dev/block")) -> str:
    """Return the number of the disk that holds a directory, as "8:0".

    Raise `CannotLimit` if none does: it is in memory, in layers, on another machine.
    """
    number = place.stat().st_dev
    disk = known / f"{os.major(number)}:{os.minor(number)}"
    if not disk.exists():
        raise CannotLimit(f"{place} is on no disk of this machine")
    if (disk / "partition").exists():  # a limit is for the whole disk
        disk = disk.resolve().parent
    return procfs.read(disk / "dev").strip()


def _in_v1_words(setting: str, value: str) -> dict[str, str]:
    """Translate a limit of v2 to files and values of v1.

    >>> _in_v1_words("io.max", "8:0 wbps=1048576")
    {'blkio.throttle.write_bps_device': '8:0 1048576'}
    """
    if setting == "io.max":
        return {IN_V1[setting]: value.replace("wbps=", "")}
    return v1.in_v1_words(setting, value)


class Bench:
    """Have `Trees` for a `with` block; raise `CannotLimit` if there can be none."""

    def __enter__(self) -> Trees:
        groups = _planned()
        for name in ONLY_IN_V1:
            with suppress(CannotLimit):
                groups += cgroups.plan({f"{name}.x": ""})
        plain = {g.parent: g.changed(limited=False) for g in groups}.values()
        self._made = cgroups.made(list(plain), {})
        self._made.__enter__()
        for group in plain:
            if group.version == 2:
                _hand_on(group.path)
        places = {c: Path(g.path) for g in plain for c in g.controllers}
        return Trees(places, version())

    def __exit__(self, *_: object) -> None:
        self._made.__exit__()


def _planned() -> list[Group]:
    """Plan groups for all that we limit; for disks if there may be some."""
    settings = {f"{name}.max": "max" for name in CONTROLLERS}
    with suppress(CannotLimit):
        return cgroups.plan(settings | {f"{DISKS}.max": "max"})
    return cgroups.plan(settings)


def _hand_on(group: str) -> None:
    """Let groups below have what limits there are."""
    there = procfs.read(f"{group}/cgroup.controllers").split()
    wanted = [f"+{name}" for name in (*CONTROLLERS, DISKS) if name in there]
    syscalls.write(f"{group}/cgroup.subtree_control", " ".join(wanted))


def version() -> int:
    """Return which version counts processes here; raise `CannotLimit` if none does."""
    return hierarchies.home_of("pids").version
