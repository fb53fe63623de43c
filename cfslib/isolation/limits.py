"""limits: what a container may use, and who enforces it.

A cgroup can enforce every limit, but an ordinary user has one only where it was
delegated.  For the number of processes there is another guard that anybody may set:
RLIMIT_NPROC counts per user namespace since Linux 5.14, so inside our own it counts
the container's processes alone.  See getrlimit(2).
"""

from cfslib.isolation import cgroups
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import libc, syscalls
from cfslib.kernel.record import Record
from cfslib.kernel.syscalls import Resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cfslib.isolation.cgroups.group import Group

CPU_PERIOD = 100_000  # microseconds: the kernel's default


class Limits(Record):
    """How much of the machine a container may use; None for no limit of ours."""

    def __init__(
        self,
        pids_max: "int | None" = 20,  # processes and threads, our PID 1 among them
        memory_max: "int | None" = None,  # bytes
        cpu_max: "float | None" = None,  # processors' worth of time: 0.5 is half of one
    ) -> None:
        self.pids_max = pids_max
        self.memory_max = memory_max
        self.cpu_max = cpu_max

    def settings(self) -> "dict[str, str]":
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


class Guard(Record):
    """What will hold a container to its limits."""

    def __init__(
        self,
        groups: "Sequence[Group]" = (),  # to be made: see `cgroups.made`
        settings: "Mapping[str, str] | None" = None,  # of the groups
        processes: "int | None" = None,  # by RLIMIT_NPROC, where no group counts them
    ) -> None:
        self.groups = groups
        self.settings = settings or {}
        self.processes = processes

    def join(self) -> None:
        """Be under these limits, with all children to come."""
        for group in self.groups:
            group.join()
        if self.processes is not None:
            _limit_processes(self.processes)


def plan(limits: Limits, *, counted_alone: bool) -> Guard:
    """Return who enforces these limits, without making anything yet.

    `counted_alone` says whether RLIMIT_NPROC would count the container's processes and
    no others.  Raise `CannotLimit` if one of the limits cannot be set here.
    """
    settings = limits.settings()
    try:
        return Guard(cgroups.plan(settings), settings)
    except CannotLimit:
        if not counted_alone or set(settings) != {"pids.max"}:
            raise
        return Guard(processes=limits.pids_max)


class enforced:  # noqa: N801  it reads as a function
    """Prepare limits for a `with` block, as `plan` says; give the guard to join."""

    def __init__(self, limits: Limits, *, counted_alone: bool) -> None:
        self._guard = plan(limits, counted_alone=counted_alone)
        self._groups = cgroups.made(self._guard.groups, self._guard.settings)

    def __enter__(self) -> Guard:
        self._groups.__enter__()
        return self._guard

    def __exit__(self, *_: object) -> None:
        self._groups.__exit__()


def _limit_processes(number: int) -> None:
    _, hard = libc.getrlimit(Resource.NPROC)
    number = min(number, hard)  # a hard limit only ever goes down
    syscalls.setrlimit(Resource.NPROC, number, number)
