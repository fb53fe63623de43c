"""group: a cgroup, and if it has limits one in it for the processes.

A cgroup namespace starts at the inner one: who mounts the tree inside, as root of a
user namespace can, does not find the limits.
"""

import posix
from abc import ABC, abstractmethod

from cfslib.kernel import syscalls
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


class Group(Record, ABC):
    """Both groups.  Every method may be called twice with the same effect as once."""

    version: int  # of cgroups

    def __init__(
        self,
        path: "str | Path",
        controllers: "Collection[str]" = (),  # of the tree that it is in
        *,
        limited: bool = True,  # or it is there for its own sake
    ) -> None:
        self.path = posix.fspath(path)
        self.controllers = tuple(controllers)
        self.limited = limited

    @property
    def parent(self) -> str:
        """The group in which this one is made."""
        return self.path.rpartition("/")[0]

    @property
    def inner(self) -> str:
        """The group of the processes."""
        return f"{self.path}/inner" if self.limited else self.path

    @property
    def paths(self) -> "list[str]":
        """Its directories, in the order in which they are made."""
        return [self.path, self.inner] if self.limited else [self.path]

    def create(self, settings: "Mapping[str, str] | None" = None) -> None:
        """Make the group, unless it is already there, with those limits that it holds.

        The inner one comes last: it takes memory itself.
        """
        _make(self.path)
        for setting, value in (settings or {}).items():
            if self.holds(setting):
                self.set(setting, value)
        if self.limited:
            _make(self.inner)

    def join(self) -> None:
        """Move the calling process, and the children it has from now on, in here."""
        syscalls.write(self.door, "0")

    def remove(self) -> None:
        """Kill what still runs in the group, then end it."""
        from cfslib.isolation.cgroups import janitor  # here, because users have none
        from cfslib.kernel.tracing import encoded

        janitor.remove(encoded(self.path))

    def holds(self, setting: str) -> bool:
        """Say whether this group is where a limit belongs."""
        return setting.partition(".")[0] in self.controllers

    @abstractmethod
    def set(self, setting: str, value: str) -> None:
        """Write a limit, named and written as in v2."""

    @property
    @abstractmethod
    def door(self) -> str:
        """The file in which a process writes "0" to come in with its later children."""


def _make(path: str) -> None:
    try:
        syscalls.mkdir(path)
    except FileExistsError:
        pass
