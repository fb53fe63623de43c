"""sightings: what there is to see of a process from here, read from /proc.

A process that has ended meanwhile is no error: nobody was seen.

    >>> look(os.getpid()).levels[0] == os.getpid()
    True
"""

import os
import select
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from cfslib.isolation import namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.runtime import init

MOMENT = 0.1  # seconds for a signal to do what it does
PATIENCE = 5  # seconds for one that is bound to end a process


@dataclass(frozen=True)
class Sighting:
    """One process, as it was at one moment."""

    name: str
    state: str  # a letter: R running, S sleeping, T stopped, Z zombie, ...
    levels: tuple[int, ...]  # its pid here, and in each PID namespace further in
    parents: tuple[int, ...]  # its parent's pid on the same levels; 0: is not there
    namespaces: dict[Namespace, int | None]  # inodes; None is hidden
    caught: int  # a bit for each signal that it has a handler for

    @property
    def pid(self) -> int:
        """Return the pid that we know it by."""
        return self.levels[0]

    @property
    def is_first(self) -> bool:
        """Say if it is PID 1 of a namespace further in than ours."""
        return len(self.levels) > 1 and self.levels[-1] == 1

    def catches(self, number: int) -> bool:
        """Say if it has a handler for a signal."""
        return bool(self.caught >> (number - 1) & 1)


def look(pid: int) -> Sighting | None:
    """Return what there is to see of a process; None if there is none."""
    try:
        status = procfs.status(pid)
        return Sighting(
            name=status["Name"],
            state=status["State"][0],
            levels=tuple(map(int, status["NSpid"].split())),
            parents=_parents(int(status["PPid"]), len(status["NSpid"].split())),
            namespaces={kind: _inode(kind, pid) for kind in Namespace},
            caught=int(status["SigCgt"], 16),
        )
    except (FileNotFoundError, ProcessLookupError):
        return None


def below(pid: int) -> list[Sighting]:
    """Return all processes that descend from one, each after its parent."""
    children: dict[int, list[int]] = {}
    for child, parent in _family_of_all():
        children.setdefault(parent, []).append(child)
    found, waiting = [], children.get(pid, [])[::-1]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])[::-1]
    return [seen for one in found if (seen := look(one))]


def inside(pid: int) -> list[Sighting]:
    """Return all processes in containers that descend from one.

    One that still waits for a command is in none yet: see `ahead`.
    """
    outside = len(procfs.pids_on_each_level())
    waiting = init.WAITING
    return [
        seen
        for seen in below(pid)
        if len(seen.levels) > outside and seen.name != waiting
    ]


def containers(pid: int) -> list[Sighting]:
    """Return each PID 1 of a namespace of its own among the descendants of one."""
    outside = len(procfs.pids_on_each_level())
    return [
        seen
        for seen in inside(pid)
        if seen.is_first and len(seen.levels) == outside + 1 and seen.state != "Z"
    ]


def send(pid: int, number: int) -> tuple[Sighting | None, Sighting | None]:
    """Send a signal; return what was to be seen before, and a moment later."""
    before = look(pid)
    if before is None:
        return None, None
    pidfd = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(pidfd, number)
        wait = PATIENCE if _is_fatal(before, number) else MOMENT
        select.select([pidfd], [], [], wait)  # until it ends, if it does
    finally:
        os.close(pidfd)
    return before, look(pid)


def _is_fatal(seen: Sighting, number: int) -> bool:
    """Say if a signal ends a process, without leaving it a choice."""
    by_default = number in (signal.SIGTERM, signal.SIGINT) and seen.state not in "TZ"
    spared = seen.is_first or seen.catches(number)
    return number == signal.SIGKILL or (by_default and not spared)


def _parents(parent: int, depth: int) -> tuple[int, ...]:
    """Return the pids of a parent on its child's levels; it may be on fewer."""
    try:
        pids = procfs.pids_on_each_level(parent) if parent else []
    except (FileNotFoundError, ProcessLookupError):
        pids = []
    return tuple((pids + [0] * depth)[:depth])


def _family_of_all() -> Iterator[tuple[int, int]]:
    for entry in os.listdir(procfs.PROC):
        if entry.isdigit():
            try:
                yield int(entry), int(procfs.status(entry)["PPid"])
            except (FileNotFoundError, ProcessLookupError):
                continue


def _inode(kind: Namespace, pid: int) -> int | None:
    try:
        return namespaces.inode(kind, pid)
    except (PermissionError, FileNotFoundError):
        return None  # a zombie has left its namespaces
