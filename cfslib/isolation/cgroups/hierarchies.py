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
    """Where a controller lives: a mounted tree, and our own group in it."""

    def __init__(
        self,
        version: int,  # 1 or 2
        top: "str | Path",  # the mount point
        ours: "str | Path",  # the directory of the group that we are in
    ) -> None:
        self.version = version
        self.top = posix.fspath(top)
        self.ours = posix.fspath(ours)


def home_of(controller: str, proc: "str | Path" = procfs.PROC) -> Home:
    """Return where `controller` ("pids", "memory", "cpu") can be set."""
    return homes_of([controller], proc)[controller]


def homes_of(
    controllers: "Collection[str]", proc: "str | Path" = procfs.PROC
) -> "dict[str, Home]":
    """Return where each of these controllers can be set."""
    if not controllers:
        return {}
    entries = procfs.cgroup_entries(proc=proc)
    trees = procfs.mounts(proc=proc, fstypes=KINDS)
    trees.reverse()  # what is mounted later covers what is there
    return {name: _home(name, trees, entries) for name in sorted(controllers)}


def _home(
    controller: str, trees: "Sequence[Mount]", entries: "Sequence[CgroupEntry]"
) -> Home:
    for tree in trees:
        if tree.fstype == "cgroup" and controller in tree.super_options.split(","):
            entry = next(entry for entry in entries if controller in entry.controllers)
            return Home(1, tree.target, _directory(tree, entry.path))
        if tree.fstype == "cgroup2" and controller in _controllers(tree.target):
            entry = next(entry for entry in entries if entry.hierarchy == 0)
            return Home(2, tree.target, _directory(tree, entry.path))
    raise CannotLimit(
        f"no cgroup tree here has the controller {controller}",
        advice(
            {controller}, "see /proc/cgroups, and whether /sys/fs/cgroup is mounted."
        ),
    )


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


def _controllers(directory: str) -> "list[str]":
    try:
        return procfs.read(f"{directory}/cgroup.controllers").split()
    except OSError:
        return []  # covered by another mount, or hidden from us


def _directory(tree: "Mount", path: str) -> str:
    """Return the directory of a group; of a bind mount, the mount shows a part."""
    if tree.root != "/" and f"{path}/".startswith(f"{tree.root}/"):
        path = path[len(tree.root) :]
    inside = path if "/.." not in path else ""  # outside of what we can see
    return f"{tree.target}/{inside.lstrip('/')}".rstrip("/")
