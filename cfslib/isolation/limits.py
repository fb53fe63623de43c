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
        memory_swap_max: "int | None" = None,  # bytes on disk, beside those in memory
        cpuset_cpus: "str | None" = None,  # which processors, such as "0-3,6"
        cpu_shares: "int | None" = None,  # of a processor that others want too; 1024
        oom_score_adj: "int | None" = None,  # who is killed first, up to 1000
    ) -> None:
        self.pids_max = pids_max
        self.memory_max = memory_max
        self.cpu_max = cpu_max
        self.memory_swap_max = memory_swap_max
        self.cpuset_cpus = cpuset_cpus
        self.cpu_shares = cpu_shares
        self.oom_score_adj = oom_score_adj

    def settings(self) -> "dict[str, str]":
        """Return the limits as files of cgroup v2 and what to write there.

        Shares are those of v1, as people type them: see `v2.weight`.

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
        if self.memory_swap_max is not None:  # after memory.max, as v1 wants it
            settings["memory.swap.max"] = str(self.memory_swap_max)
        if self.cpuset_cpus is not None:
            settings["cpuset.cpus"] = self.cpuset_cpus
        if self.cpu_shares is not None:
            settings["cpu.shares"] = str(self.cpu_shares)
        return settings


class Guard(Record):
    """What will hold a container to its limits."""

    def __init__(
        self,
        groups: "Sequence[Group]" = (),  # to be made: see `cgroups.Making`
        settings: "Mapping[str, str] | None" = None,  # of the groups
        processes: "int | None" = None,  # by RLIMIT_NPROC, where no group counts them
        oom_score_adj: "int | None" = None,
    ) -> None:
        self.groups = groups
        self.settings = settings or {}
        self.processes = processes
        self.oom_score_adj = oom_score_adj

    @property
    def of_each(self) -> "tuple[int | None, int | None]":
        """What no group holds: each process has it, from its parent."""
        return self.processes, self.oom_score_adj

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

    settings, adj = limits.settings(), limits.oom_score_adj
    try:
        groups = cgroups.plan(settings, everywhere=everywhere)
        return Guard(groups, settings, oom_score_adj=adj)
    except CannotLimit:
        if not counted_alone or set(settings) != {"pids.max"}:
            raise
        return Guard(processes=limits.pids_max, oom_score_adj=adj)


class enforced:  # noqa: N801  it reads as a function
    """Prepare limits for a `with` block; yield what is called to be under them."""

    def __init__(self, limits: Limits, *, counted_alone: bool) -> None:
        guard = plan(limits, counted_alone=counted_alone)
        self._of_each, self._groups = guard.of_each, guard.making()

    def __enter__(self) -> "Callable[[], None]":
        doors = self._groups.__enter__().doors
        self._groups.make_others()
        return lambda: join(doors, *self._of_each)

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


def join(
    doors: "Sequence[str]", processes: "int | None", oom_score_adj: "int | None" = None
) -> None:
    """Go through the doors of groups; be under RLIMIT_NPROC, if that is a number.

    So with the other number: how likely this process is to be killed where memory is
    short, see proc_pid_oom_score_adj(5).
    """
    for door in doors:
        syscalls.write(door, "0")  # which means the process that writes
    if oom_score_adj is not None:
        syscalls.write("/proc/self/oom_score_adj", str(oom_score_adj))
    if processes is not None:
        _, hard = libc.getrlimit(Resource.NPROC)
        processes = min(processes, hard)  # a hard limit only ever goes down
        syscalls.setrlimit(Resource.NPROC, processes, processes)
