"""hierarchies: which cgroup tree holds which controller, and where we are in it."""

import posix

from cfslib.kernel import procfs
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from cfslib.kernel.procfs import CgroupEntry, Mount


KINDS = {"cgroup": "v1", "cgroup2": "v2"}  # of trees, by the name of the filesystem


class CannotLimit(OSError):
    """This user can set no such limit on this machine; the text says why."""

    def __init__(self, why: str, hint: "str | None" = None) -> None:
        super().__init__(why)
        if hint:  # pickle makes us of the text alone, and puts the note back
            self.add_note(f"Hint: {hint}")


class Home(Record):
    """A mounted tree, and our own group in it."""

    def __init__(
        self,
        version: int,  # 1 or 2
        top: "str | Path",  # the mount point
        ours: "str | Path",  # the directory of the group that we are in
        controllers: "Sequence[str]" = (),  # "pids", "memory", ...; a v1 tree may have
    ) -> None:  # a name instead
        self.version = version
        self.top = posix.fspath(top)
        self.ours = posix.fspath(ours)
        self.controllers = tuple(controllers)


def home_of(controller: str, proc: "str | Path" = procfs.PROC) -> Home:
    """Return where `controller` ("pids", "memory", "cpu") can be set."""
    return homes_of([controller], homes(proc))[controller]


def homes_of(
    controllers: "Collection[str]", among: "Sequence[Home]"
) -> "dict[str, Home]":
    """Return where each of these controllers can be set."""
    return {name: _home_of(name, among) for name in sorted(controllers)}


def _home_of(controller: str, among: "Sequence[Home]") -> Home:
    for home in among:
        if controller in home.controllers:
            return home
    raise CannotLimit(
        f"no cgroup tree here has the controller {controller}",
        advice(
            {controller}, "see /proc/cgroups, and whether /sys/fs/cgroup is mounted."
        ),
    )


def homes(proc: "str | Path" = procfs.PROC) -> "list[Home]":
    """Return every tree that is mounted, with our group in it."""
    trees = procfs.mounts(proc=proc, fstypes=KINDS)
    trees.reverse()  # what is mounted later covers what is there
    found = (_home(entry, trees) for entry in procfs.cgroup_entries(proc=proc))
    return [home for home in found if home]


def _home(entry: "CgroupEntry", trees: "Sequence[Mount]") -> "Home | None":
    names = set(entry.controllers)
    for tree in trees:
        ours = _directory(tree, entry.path)
        if tree.fstype == "cgroup":
            if names and names <= set(tree.super_options.split(",")):
                return Home(1, tree.target, ours, entry.controllers)
        elif entry.hierarchy == 0:
            controllers = _controllers(tree.target)
            if controllers is not None:
                return Home(2, tree.target, ours, controllers)
    return None


def advice(controllers: "Collection[str]", for_users: str) -> str:
    """Return what to type where these cannot be set.

    RLIMIT_NPROC is no way out for root: the kernel does not hold it to that.
    """
    if set(controllers) == {"pids"}:
        return "without this limit it runs: `cfs run --pids-limit max ...`"
    return for_users if posix.geteuid() else "`cfs doctor` says what it takes here."


def version(proc: "str | Path" = procfs.PROC) -> str:
    """Say in a word or two which cgroups this machine has: "v1", "v2", "v1 and v2"."""
    kinds = {mount.fstype for mount in procfs.mounts(proc=proc, fstypes=KINDS)}
    return " and ".join(KINDS[kind] for kind in sorted(kinds)) or "none"


def _controllers(directory: str) -> "list[str] | None":
    try:
        return procfs.read(f"{directory}/cgroup.controllers").split()
    except OSError:
        return None  # covered by another mount, or hidden from us


def _directory(tree: "Mount", path: str) -> str:
    """Return the directory of a group; of a bind mount, the mount shows a part."""
    if tree.root != "/" and f"{path}/".startswith(f"{tree.root}/"):
        path = path[len(tree.root) :]
    inside = path if "/.." not in path else ""  # outside of what we can see
    return f"{tree.target}/{inside.lstrip('/')}".rstrip("/")
