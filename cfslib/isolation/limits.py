"""limits: what a container may use, and who enforces it.

A cgroup can enforce every limit, but an ordinary user has one only where it was
delegated.  For the number of processes there is another guard that anybody may set:
RLIMIT_NPROC counts per user namespace since Linux 5.14, so inside our own it counts
the container's processes alone.  See getrlimit(2).
"""

import posix

from cfslib.kernel import libc, syscalls
from cfslib.kernel.record import Record
from cfslib.kernel.syscalls import Resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cfslib.isolation.cgroups import Making
    from cfslib.isolation.cgroups.group import Group
    from cfslib.isolation.cgroups.janitor import Janitor

# Of what a user may have on the whole machine, this much in one container; see
# namespaces(7), inotify(7).  Docker has no such bounds.
OF_THE_USER = {
    "inotify_instances": 32,  # of 128, which file managers and editors want too
    "inotify_watches": 8192,
    "mnt_namespaces": 64,
    "net_namespaces": 64,  # each takes a megabyte of the kernel's memory
    "user_namespaces": 64,
}
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
        groups: "Sequence[Group]" = (),  # to be made: see `cgroups.Making`
        settings: "Mapping[str, str] | None" = None,  # of the groups
        processes: "int | None" = None,  # by RLIMIT_NPROC, where no group counts them
    ) -> None:
        self.groups = groups
        self.settings = settings or {}
        self.processes = processes

    def making(self, janitor: "Callable[[], Janitor] | None" = None) -> "Making":
        """Have the groups for a `with` block: see `cgroups.Making`."""
        from cfslib.isolation import cgroups  # here, because PID 1 needs none of it

        return cgroups.Making(self.groups, self.settings, janitor)


def plan(limits: Limits, *, counted_alone: bool, everywhere: bool = False) -> Guard:
    """Return who enforces these limits, without making anything yet.

    `counted_alone` says whether RLIMIT_NPROC would count the container's processes and
    no others; for `everywhere` see `cgroups.plan`.  Raise `CannotLimit` if one of the
    limits cannot be set here.
    """
    from cfslib.isolation import cgroups
    from cfslib.isolation.cgroups.hierarchies import CannotLimit

    settings = limits.settings()
    try:
        return Guard(cgroups.plan(settings, everywhere=everywhere), settings)
    except CannotLimit:
        if not counted_alone or set(settings) != {"pids.max"}:
            raise
        return Guard(processes=limits.pids_max)


class enforced:  # noqa: N801  it reads as a function
    """Prepare limits for a `with` block; yield what is called to be under them."""

    def __init__(self, limits: Limits, *, counted_alone: bool) -> None:
        guard = plan(limits, counted_alone=counted_alone)
        self._processes, self._groups = guard.processes, guard.making()

    def __enter__(self) -> "Callable[[], None]":
        doors = self._groups.__enter__().doors
        self._groups.make_others()
        return lambda: join(doors, self._processes)

    def __exit__(self, *_: object) -> None:
        self._groups.__exit__()


def leave_some_to_the_user(proc: str) -> None:
    """Bound what a user namespace of ours takes of what its user may have.

    `proc` is where a /proc is mounted that nobody else can change.
    """
    for name, most in OF_THE_USER.items():
        file = f"{proc}/sys/user/max_{name}"
        if posix.access(file, posix.F_OK):  # not every kernel has everything
            syscalls.write(file, str(most))


def join(doors: "Sequence[str]", processes: "int | None") -> None:
    """Go through the doors of groups; be under RLIMIT_NPROC, if that is a number."""
    for door in doors:
        syscalls.write(door, "0")  # which means the process that writes
    if processes is not None:
        _, hard = libc.getrlimit(Resource.NPROC)
        processes = min(processes, hard)  # a hard limit only ever goes down
        syscalls.setrlimit(Resource.NPROC, processes, processes)
