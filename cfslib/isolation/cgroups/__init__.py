"""cgroups: how much of the machine a group of processes may use.

A cgroup is a directory in a filesystem of the kernel's; a limit is a file in it.
There are two kinds, and a machine may have both mounted:

    v2   one tree, a directory holds all limits of a group: pids.max, memory.max
    v1   a tree for each controller, some files named otherwise

`hierarchies` finds out which tree holds which controller; `group` is what groups have
in common, `v1` and `v2` what is different; a `janitor` sees to it that they go away:

    settings = {"pids.max": "20", "memory.max": "67108864"}
    groups = plan(settings)
    with made(groups, settings):
        ...  # and in a child: for group in groups: group.join()

Manual page: cgroups(7).  Files: Documentation/admin-guide/cgroup-v2.rst.
"""

import posix

from cfslib.isolation.cgroups import hierarchies, v1, v2
from cfslib.isolation.cgroups.janitor import Janitor
from cfslib.kernel.tracing import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cfslib.isolation.cgroups.group import Group


def plan(settings: "Mapping[str, str]") -> "list[Group]":
    """Return the groups that these limits take, without making them yet.

    Limits are named and written as in cgroup v2.  Raise `hierarchies.CannotLimit`
    where this user can set no such limit.
    """
    name = f"cfs-{posix.getpid()}-{posix.urandom(4).hex()}"
    homes = hierarchies.homes_of({setting.partition(".")[0] for setting in settings})
    groups: list[Group] = []
    in_v2 = {controller for controller, home in homes.items() if home.version == 2}
    if in_v2:
        ours = homes[min(in_v2)]
        groups.append(v2.Cgroup(f"{v2.parent_for(ours, in_v2)}/{name}"))
    groups += [
        v1.Cgroup(f"{v1.parent_for(home, controller)}/{name}", controller)
        for controller, home in sorted(homes.items())
        if home.version == 1
    ]
    return groups


class made:  # noqa: N801  it reads as a function
    """Make these groups with these limits for a `with` block.

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
        self._names = [encoded(path) for group in groups for path in group.paths]
        self._shared = shared

    def __enter__(self) -> None:
        if not self._groups:
            return
        self._janitor = self._shared() if self._shared else Janitor()
        try:
            self._janitor.look_after(self._names)
            for group in self._groups:
                group.create(self._settings)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if not self._groups:
            return
        if self._shared:
            self._janitor.remove(self._names)
        else:
            self._janitor.finish()
