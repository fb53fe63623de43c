"""cgroups: how much of the machine a group of processes may use.

A cgroup is a directory in a filesystem of the kernel's; a limit is a file in it.
There are two kinds, and a machine may have both mounted:

    v2   one tree, a directory holds all limits of a group: pids.max, memory.max
    v1   a tree for each controller, some files named otherwise

`hierarchies` finds out which tree holds which controller; `group` is what groups have
in common, `v1` and `v2` what is different; a `janitor` sees to it that they go away; by
their names, `makers` knows those that were left all the same:

    settings = {"pids.max": "20", "memory.max": "67108864"}
    groups = plan(settings)
    with made(groups, settings):
        ...  # and in a child: for group in groups: group.join()

Manual page: cgroups(7).  Files: Documentation/admin-guide/cgroup-v2.rst.
"""

import errno
import posix

from cfslib.isolation.cgroups import hierarchies
from cfslib.kernel import syscalls
from cfslib.kernel.tracing import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from cfslib.isolation.cgroups.group import Group
    from cfslib.isolation.cgroups.hierarchies import Home
    from cfslib.isolation.cgroups.janitor import Janitor


_cleared: "set[str]" = set()  # once for each of us, or a crowd would slow us down


def plan(settings: "Mapping[str, str]", *, everywhere: bool = False) -> "list[Group]":
    """Return the groups that these limits take, without making them yet.

    With `everywhere` there is one in each other tree too, where we may make one: in a
    tree without, a process inside that makes a user namespace could mount all of it.

    Limits are named and written as in cgroup v2.  Raise `hierarchies.CannotLimit`
    where this user can set no such limit.
    """
    homes = sorted(hierarchies.homes(), key=lambda home: home.controllers)
    limited = {setting.partition(".")[0] for setting in settings}
    needed = hierarchies.homes_of(limited, homes).values()
    parents = [
        (_parent_for(home, limited) if home in needed else home.ours, home)
        for home in homes
        if home in needed or (everywhere and _may_make_one_in(home.ours))
    ]
    if "cpuset.cpus" in settings:
        from cfslib.isolation.cgroups import cpuset  # here, because it is hardly used

        for parent, home in parents:
            if "cpuset" in home.controllers:
                cpuset.check(settings["cpuset.cpus"], parent, home.version)
    return _groups(parents, limited) if parents else []


def _parent_for(home: "Home", limited: "set[str]") -> str:
    limited = limited.intersection(home.controllers)
    if home.version == 2:
        from cfslib.isolation.cgroups import v2  # here, because one of them will do

        return v2.parent_for(home, limited)
    from cfslib.isolation.cgroups import v1

    return v1.parent_for(home, limited)


def _groups(
    parents: "Sequence[tuple[str, Home]]", limited: "set[str]"
) -> "list[Group]":
    # Here, as below, because most users may make none.
    from cfslib.isolation.cgroups import makers, v1, v2

    name, kinds = makers.name(), {1: v1.Cgroup, 2: v2.Cgroup}
    return [
        kinds[home.version](
            f"{parent}/{name}",
            home.controllers,
            limited=not limited.isdisjoint(home.controllers),
        )
        for parent, home in parents
    ]


def _may_make_one_in(group: str) -> bool:
    """Say if we may, and may move a process from there into it."""
    wanted = group, f"{group}/cgroup.procs"
    return all(posix.access(path, posix.W_OK) for path in wanted)


class Making:
    """Make these groups with these limits for a `with` block, in two steps.

    Those of v2 first, so that a child can be born in one: to move there takes the
    kernel 10 ms.  `make_others` makes the others, while that child is busy.

    They are gone afterwards, with every process in them, even if we are killed.  That
    takes a janitor: one that sees to others too, or a new one.
    """

    def __init__(
        self,
        groups: "Sequence[Group]",
        settings: "Mapping[str, str]",
        shared: "Callable[[], Janitor] | None" = None,
    ) -> None:
        self._groups, self._settings = groups, settings
        self._names: list[bytes] = []  # of those that are made, or being made
        self._shared = shared
        self.doors = [group.door for group in groups]  # through which to join them

    def __enter__(self) -> "Self":
        if self._groups:
            from cfslib.isolation.cgroups.janitor import Janitor

            self._janitor = self._shared() if self._shared else Janitor()
            self._make(2)
        return self

    def clone(self, flags: int, *, quiet: bool = False) -> int:
        """Fork as `syscalls.clone` does, into the group of v2 if there is one."""
        for group in self._groups:
            if group.version == 2:
                return self._clone_into(group, flags, quiet)
        return syscalls.clone(flags, quiet=quiet)

    def _clone_into(self, group: "Group", flags: int, quiet: bool) -> int:
        place = syscalls.open_path(group.inner)
        try:
            pid = syscalls.clone(flags, place, quiet=quiet)
        except OSError as error:
            if error.errno != errno.ENOSYS:  # as in Docker, which knows no clone3
                raise
            return syscalls.clone(flags, quiet=quiet)
        finally:
            posix.close(place)
        self.doors.remove(group.door)
        return pid

    @property
    def inner(self) -> "list[str]":
        """The groups of the processes: their directories."""
        return [group.inner for group in self._groups]

    def make_others(self) -> None:
        """Make the groups of v1."""
        self._make(1)

    def _make(self, version: int) -> None:
        groups = [group for group in self._groups if group.version == version]
        if not groups:
            return
        from cfslib.isolation.cgroups import makers

        names = [encoded(path) for group in groups for path in group.paths]
        try:
            self._janitor.look_after(names)
            self._names += names
            parents = [g.parent for g in groups if g.parent not in _cleared]
            makers.clear_up(parents)
            _cleared.update(parents)
            for group in groups:
                group.create(self._settings)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        groups, self._groups = self._groups, ()  # twice is fine
        if not groups:
            return
        if self._shared:
            self._janitor.remove(self._names)
        else:
            self._janitor.finish()


class made(Making):  # noqa: N801  it reads as a function
    """Make groups for a `with` block, all of them at once."""

    def __enter__(self) -> "Self":
        super().__enter__()
        self.make_others()
        return self
