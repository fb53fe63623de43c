"""limits: what a container may use, and who enforces it.

A cgroup can enforce every limit, but an ordinary user has one only where it was
delegated.  For the number of processes there is another guard that anybody may set:
RLIMIT_NPROC counts per user namespace since Linux 5.14, so inside our own it counts
the container's processes alone.  See getrlimit(2).
"""

import resource
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from cfslib.isolation import cgroups
from cfslib.isolation.cgroups.group import Group
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Resource

CPU_PERIOD = 100_000  # microseconds: the kernel's default


@dataclass(frozen=True)
class Limits:
    """How much of the machine a container may use; None for no limit of ours."""

    pids_max: int | None = 20  # processes and threads, our PID 1 among them
    memory_max: int | None = None  # bytes
    cpu_max: float | None = None  # processors' worth of time: 0.5 is half of one

    def settings(self) -> dict[str, str]:
        """Return the limits as files of cgroup v2 and what to write there.

        >>> Limits(pids_max=5, cpu_max=0.5).settings()
        {'pids.max': '5', 'cpu.max': '50000 100000'}
        """
        settings = {}
        if self.pids_max is not None:
            settings["pids.max"] = str(self.pids_max)
        if self.memory_max is not None:
            settings["memory.max"] = str(self.memory_max)
        if self.cpu_max is not None:
            settings["cpu.max"] = f"{round(self.cpu_max * CPU_PERIOD)} {CPU_PERIOD}"
        return settings


@dataclass(frozen=True)
class Guard:
    """What holds a container to its limits."""

    groups: Sequence[Group] = ()
    processes: int | None = None  # by RLIMIT_NPROC, where there is no group for it

    def __call__(self) -> None:
        """Be under these limits, with all children to come."""
        for group in self.groups:
            group.join()
        if self.processes is not None:
            _limit_processes(self.processes)


@contextmanager
def enforced(limits: Limits, *, counted_alone: bool) -> Generator[Guard]:
    """Prepare limits for a `with` block; yield what a process calls to be under them.

    `counted_alone` says whether RLIMIT_NPROC would count the container's processes and
    no others.  Raise `CannotLimit` if one of them cannot be set here.
    """
    settings = limits.settings()
    try:
        groups = cgroups.plan(settings)
    except CannotLimit:
        if not counted_alone or set(settings) != {"pids.max"}:
            raise
        yield Guard(processes=int(settings["pids.max"]))
        return
    with cgroups.made(groups, settings):
        yield Guard(groups)


def _limit_processes(number: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if hard != resource.RLIM_INFINITY:
        number = min(number, hard)  # a hard limit only ever goes down
    syscalls.setrlimit(Resource.NPROC, number, number)
