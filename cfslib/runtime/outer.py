"""outer: a world around a container of which a step is left out.

Such a container could rename, remount or limit what is around it, or write to it.  So
there has to be a world of ours around it: namespaces of all kinds that change with it,
in which no file of the machine can be written to, and whose PID 1 has the name below.
Whoever asks for less than a whole container without one is refused.
"""

import posix

from cfslib.isolation import idmaps, mounts, namespaces
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl, TreeFlag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import TypeVar

    T = TypeVar("T")

NAME = "cfs-outer"
CGROUPS = "/sys/fs/cgroup"  # where they are mounted, on any machine with systemd
KINDS = Namespace.MNT | Namespace.UTS | Namespace.PID | Namespace.IPC | Namespace.CGROUP


def around(func: "Callable[[], T]") -> "T":
    """Call `func` in a child that is PID 1 of such a world; return what it returns."""
    from cfslib.children.in_child import in_child

    def leave() -> "T":
        if posix.geteuid() == 0 and idmaps.in_initial_namespace():
            syscalls.unshare(KINDS)
        else:
            idmaps.unshare_as_root(KINDS)
        return in_child(lambda: _inside(func))

    return in_child(leave)


def _inside(func: "Callable[[], T]") -> "T":
    mounts.keep_private()
    _protect_files()
    mounts.proc("/proc")
    syscalls.prctl(Prctl.SET_NAME, NAME)
    return func()


def _protect_files() -> None:
    """Have nothing written to what is mounted, but to cgroups, which take no harm."""
    clone = TreeFlag.CLONE | TreeFlag.CLOEXEC | TreeFlag.RECURSIVE
    cgroups = syscalls.open_tree(CGROUPS, clone)
    root = syscalls.open_path("/")
    everything = TreeFlag.EMPTY_PATH | TreeFlag.RECURSIVE
    syscalls.mount_setattr(root, everything, MountFlag.RDONLY)
    syscalls.close(root)
    syscalls.move_mount(cgroups, CGROUPS, TreeFlag.FROM_FD)
    syscalls.close(cgroups)


def is_here() -> bool:
    """Say if we live in such a world."""
    named = procfs.read("/proc/1/comm") == f"{NAME}\n"
    same = namespaces.shared(1)
    return named and all(same[kind] for kind in KINDS)


def namespaces_in(left_out: "Collection[str]") -> Namespace:
    """Return the namespaces among the steps that are left out.

    Raise `PermissionError` if there is no world around us to be left alone.
    """
    if not is_here():
        raise PermissionError(
            f"without {', '.join(sorted(left_out))} a container could change the host; "
            "`runtime.outer.around` makes a world in which it may"
        )
    return Namespace(sum(kind for kind in Namespace if str(kind) in left_out))
