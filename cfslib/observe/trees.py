"""trees: directories of the kernel's in which groups can be made to try things with.

On v2 there is one, on v1 one for each controller.  All is gone afterwards, with every
process that is in there.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cfslib.isolation import cgroups
from cfslib.isolation.cgroups import hierarchies, v1
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import procfs, syscalls

CONTROLLERS = ("cpu", "memory", "pids")
ONLY_IN_V1 = ("cpuacct", "freezer")  # in v2, every group counts and can freeze
# What v1 calls a file of v2, if it has another name.
IN_V1 = {
    "memory.current": "memory.usage_in_bytes",
    "memory.max": "memory.limit_in_bytes",
    "memory.events": "memory.oom_control",
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
            words = v1.in_v1_words(setting, str(value))
        for file, text in words.items():
            syscalls.write(group / file, text)
        if setting.startswith("memory."):
            with suppress(OSError):  # not every kernel can swap
                syscalls.write(group / _NO_SWAP[self.version], "0")


class Bench:
    """Have `Trees` for a `with` block; raise `CannotLimit` if there can be none."""

    def __enter__(self) -> Trees:
        groups = cgroups.plan({f"{name}.max": "max" for name in CONTROLLERS})
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


def _hand_on(group: str) -> None:
    """Let groups below have what limits there are."""
    there = procfs.read(f"{group}/cgroup.controllers").split()
    wanted = [f"+{name}" for name in CONTROLLERS if name in there]
    syscalls.write(f"{group}/cgroup.subtree_control", " ".join(wanted))


def version() -> int:
    """Return which version counts processes here; raise `CannotLimit` if none does."""
    return hierarchies.home_of("pids").version
