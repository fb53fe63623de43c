"""group: a cgroup with limits, and one in it for the processes.

A cgroup namespace starts at the inner one: who mounts the tree inside, as root of a
user namespace can, does not find the limits.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cfslib.isolation.cgroups import janitor
from cfslib.kernel import syscalls


@dataclass(frozen=True)
class Group(ABC):
    """Both groups.  Every method may be called twice with the same effect as once."""

    path: Path

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

    def remove(self) -> None:
        """Kill what still runs in the group, then end it."""
        janitor.remove(os.fsencode(self.path))

    @abstractmethod
    def holds(self, setting: str) -> bool:
        """Say whether this group is where a limit belongs."""

    @abstractmethod
    def set(self, setting: str, value: str) -> None:
        """Write a limit, named and written as in v2."""

    @abstractmethod
    def join(self) -> None:
        """Move the calling process, and the children it has from now on, in here."""
