"""cgroup v1: a tree for each controller or two, so that one limit is one group."""

import posix

from cfslib.isolation.cgroups.group import Group
from cfslib.isolation.cgroups.hierarchies import CannotLimit, Home, advice
from cfslib.kernel import procfs, program, syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# In a group without these no process may be, and a new one has none.
CPUSET = ("cpuset.cpus", "cpuset.mems")


class Cgroup(Group):
    """A group in one of the trees."""

    version = 1

    def create(self, settings: "Mapping[str, str] | None" = None) -> None:
        """Make the group, with the processors and the memory of the one around it."""
        super().create(settings)
        if "cpuset" in self.controllers:
            for file in CPUSET:
                around = procfs.read(f"{self.parent}/{file}").strip()
                value = (settings or {}).get(file, around)
                for group in self.paths:
                    syscalls.write(f"{group}/{file}", value)

    def set(self, setting: str, value: str) -> None:
        """Write a limit, named and written as in v2, to the files that v1 has."""
        if setting == "memory.swap.max":  # v1 has no limit but for both together
            memory = procfs.read(f"{self.path}/memory.limit_in_bytes")
            value = str(int(memory) + int(value))
        for file, text in in_v1_words(setting, value).items():
            syscalls.write(f"{self.path}/{file}", text)

    @property
    def door(self) -> str:
        """The file in which a process writes "0" to come in with its later children."""
        # cgroup.procs would do too, but moving a whole process takes 5 ms.
        return f"{self.inner}/tasks"


def parent_for(home: Home, controllers: "Collection[str]") -> str:
    """Return the group that we are in, if we may make groups below it."""
    if not posix.access(home.ours, posix.W_OK):
        raise CannotLimit(
            f"cannot limit {', '.join(sorted(controllers))}: "
            f"we may make no groups in {home.ours}",
            advice(controllers, f"be root: `sudo {program.ours()} run ...`"),
        )
    return home.ours


def in_v1_words(setting: str, value: str) -> "dict[str, str]":
    """Translate a limit of v2 to files and values of v1.

    >>> in_v1_words("cpu.max", "50000 100000")
    {'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': '50000'}
    """
    if setting == "memory.max":
        return {"memory.limit_in_bytes": value}
    if setting == "memory.swap.max":
        return {"memory.memsw.limit_in_bytes": value}
    if setting == "cpu.max":
        quota, period = value.split()
        return {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota}
    return {setting: value}
