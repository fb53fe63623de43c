"""cgroup v2: one tree; a group's directory holds the files of all controllers."""

import posix

from cfslib.isolation.cgroups.group import Group
from cfslib.isolation.cgroups.hierarchies import CannotLimit, Home, advice
from cfslib.kernel import procfs, program, syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


SCOPE = "cfs-"  # how the scopes begin in which `runtime.scope` has us started
MAKER = "maker"  # our own group in such a one


class Cgroup(Group):
    """A group in the one tree."""

    version = 2

    def set(self, setting: str, value: str) -> None:
        """Write a limit: "pids.max", "memory.max" (bytes), "cpu.max" (us in us)."""
        if setting == "cpu.shares":
            setting, value = "cpu.weight", str(weight(int(value)))
        syscalls.write(f"{self.path}/{setting}", value)

    @property
    def door(self) -> str:
        """The file in which a process writes "0" to come in with its later children."""
        return f"{self.inner}/cgroup.procs"


def weight(shares: int) -> int:
    """Return the weight of v2 that means what shares mean in v1: those of runc.

    Of both scales the least, the usual and the most are the same.

    >>> [weight(shares) for shares in (2, 512, 1024, 2048, 262144)]
    [1, 59, 100, 174, 10000]
    """
    import math  # here, because hardly any container needs it

    power = math.log2(shares)
    return math.ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34))


def parent_for(home: Home, controllers: "Collection[str]") -> str:
    """Return the nearest group around ours in which we may make groups with limits.

    systemd gives a user a part of the tree for this; the name is "delegation".
    """
    if _is_scope_of_ours(home.ours):
        _step_aside(home.ours)
    for group in _upwards(home):
        if _may_have_groups(group) and _hands_on(group, controllers):
            return group
    raise CannotLimit(
        f"cannot limit {', '.join(sorted(controllers))}: "
        f"no cgroup around {home.ours} is delegated to us",
        advice(
            controllers,
            "be root, or ask systemd: "
            f"`systemd-run --user --scope {program.ours()} run ...`"
            if not is_in_scope_of_ours()
            else "be root, or have root type `sudo systemctl edit user@.service`, and "
            "write `[Service]`, and below it `Delegate=yes`; then log in anew.",
        ),
    )


def is_in_scope_of_ours() -> bool:
    """Say if systemd has started us in a scope, so that we may make groups in it."""
    places = [entry.path for entry in procfs.cgroup_entries() if entry.hierarchy == 0]
    return any(_is_scope_of_ours(path.removesuffix(f"/{MAKER}")) for path in places)


def _is_scope_of_ours(group: str) -> bool:
    name = group.rpartition("/")[2]
    return name.startswith(SCOPE) and name.endswith(".scope")


def _step_aside(scope: str) -> None:
    """Be in a group below the scope: it may have processes, or groups with limits."""
    try:
        syscalls.mkdir(f"{scope}/{MAKER}")
    except FileExistsError:
        pass
    syscalls.write(f"{scope}/{MAKER}/cgroup.procs", "0")


def _upwards(home: Home) -> "Iterator[str]":
    """Yield our own group, and those around it up to the top of the tree."""
    group = home.ours
    while group and group != home.top:
        yield group
        group = group.rpartition("/")[0]
    yield home.top


def _may_have_groups(group: str) -> bool:
    """Say if we may write there, and if no process is in the way.

    A group has processes or groups with limits, not both; only the root, which has no
    type, may have both.
    """
    processes = f"{group}/cgroup.procs"
    if not all(posix.access(path, posix.W_OK) for path in (group, processes)):
        return False
    is_root = not posix.access(f"{group}/cgroup.type", posix.F_OK)
    return is_root or not procfs.read(processes)


def _hands_on(group: str, controllers: "Collection[str]") -> bool:
    """Say if the groups below may have these limits; see to it if we can."""
    control = f"{group}/cgroup.subtree_control"
    missing = set(controllers) - set(procfs.read(control).split())
    if not missing:
        return True
    try:
        syscalls.write(control, " ".join(f"+{name}" for name in sorted(missing)))
    except OSError:
        return False  # its parent hands it none
    return True
