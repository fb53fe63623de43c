"""cgroup v1: a tree for each controller, so that one limit is one group."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cfslib import janitor, syscalls
from cfslib.cgroups.hierarchies import CannotLimit, Home


@dataclass(frozen=True)
class Cgroup:
    """A group with a limit, and one in it for the processes.

    A cgroup namespace starts at the inner one: who mounts the tree inside, as root of
    a user namespace can, does not find the limit.  Every method may be called twice
    with the same effect as once.
    """

    path: Path
    controller: str

    @property
    def inner(self) -> Path:
        """The group of the processes."""
        return self.path / "inner"

    @property
    def paths(self) -> tuple[Path, Path]:
        """Both directories, in the order in which they are made."""
        return self.path, self.inner

    def create(self, settings: Mapping[str, str] | None = None) -> None:
        """Make the group, unless it is already there, with those limits that it holds.

        The inner one comes last: it takes memory itself.
        """
        with suppress(FileExistsError):
            syscalls.mkdir(self.path)
        for setting, value in (settings or {}).items():
            if self.holds(setting):
                self.set(setting, value)
        with suppress(FileExistsError):
            syscalls.mkdir(self.inner)

    def holds(self, setting: str) -> bool:
        """Say whether a limit belongs to the controller of this tree."""
        return setting.partition(".")[0] == self.controller

    def set(self, setting: str, value: str) -> None:
        """Write a limit, named and written as in v2, to the files that v1 has."""
        for file, text in in_v1_words(setting, value).items():
            syscalls.write(self.path / file, text)

    def join(self) -> None:
        """Move the calling process, and the children it has from now on, in here."""
        # cgroup.procs would do too, but moving a whole process takes 5 ms.
        syscalls.write(self.inner / "tasks", "0")

    def remove(self) -> None:
        """Kill what still runs in the group, then end it."""
        janitor.remove(os.fsencode(self.path))


def parent_for(home: Home, controller: str) -> Path:
    """Return the group that we are in, if we may make groups below it."""
    if not os.access(home.ours, os.W_OK):
        raise CannotLimit(
            f"cannot limit {controller}: only root may make groups in {home.ours}",
            "be root; or lift the limit with `max`, if it is that of processes.",
        )
    return home.ours


def in_v1_words(setting: str, value: str) -> dict[str, str]:
    """Translate a limit of v2 to files and values of v1.

    >>> in_v1_words("cpu.max", "50000 100000")
    {'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': '50000'}
    """
    if setting == "memory.max":
        return {"memory.limit_in_bytes": value}
    if setting == "cpu.max":
        quota, period = value.split()
        return {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota}
    return {setting: value}
