"""cgroup v1: a tree for each controller, so that one limit is one group."""

import os
from dataclasses import dataclass
from pathlib import Path

from cfslib.isolation.cgroups.group import Group
from cfslib.isolation.cgroups.hierarchies import CannotLimit, Home, advice
from cfslib.kernel import syscalls


@dataclass(frozen=True)
class Cgroup(Group):
    """A group in the tree of one controller."""

    controller: str

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


def parent_for(home: Home, controller: str) -> Path:
    """Return the group that we are in, if we may make groups below it."""
    if not os.access(home.ours, os.W_OK):
        raise CannotLimit(
            f"cannot limit {controller}: we may make no groups in {home.ours}",
            advice({controller}, "be root: `sudo cfs run ...`"),
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
