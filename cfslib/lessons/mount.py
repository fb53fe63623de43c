"""The checks of 03-mount.

A learner's function runs in a child that plays the machine: it has a user and a mount
namespace of its own and an empty /mnt, so whatever goes wrong is gone with it.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace, inode
from cfslib.kernel import procfs, syscalls
from cfslib.lessons import Point, verdict

MNT = Path("/mnt")
DATA, VIEW = MNT / "data", MNT / "view"


@dataclass(frozen=True)
class World:
    """What the first process of a container found around itself."""

    pid: int
    pids: list[str]  # in /proc
    propagation: str  # of /


def check_window(make: Callable[[], object]) -> None:
    """Say whether `make` opens a window: /mnt/view shows /mnt/data, read-only."""
    verdict(*in_child(lambda: _look_through(make)), of=("03-mount", 1))


def check_contained(contained: Callable[[Callable[[], World]], Any]) -> None:
    """Say whether `contained` gives a /proc of one's own and leaves the machine its."""
    verdict(*in_child(lambda: _play_the_machine(contained)), of=("03-mount", 2))


def _look_through(make: Callable[[], object]) -> list[Point]:
    idmaps.unshare_as_root(Namespace.MNT)
    mounts.keep_private()
    syscalls.mount("tmpfs", MNT, "tmpfs")
    namespace, device = inode(Namespace.MNT), MNT.stat().st_dev
    make()
    writable = _write(DATA / "proof") == 0
    return [
        Point(
            "the process has a mount namespace of its own",
            inode(Namespace.MNT) != namespace,
            "First of all: `idmaps.unshare_as_root(Namespace.MNT)`.",
        ),
        Point(
            "/mnt is a new filesystem in memory",
            MNT.stat().st_dev != device and _fstype(MNT) == "tmpfs",
            "Mount a tmpfs on /mnt, and make the directories in that.",
        ),
        Point(
            "/mnt/data can be written",
            writable,
            "Is it there?  If it is read-only too, the whole filesystem was made so: "
            "the flag BIND says that only one mount is meant.",
        ),
        Point(
            "what is written there is seen in /mnt/view",
            writable and (VIEW / "proof").exists(),
            "Bind /mnt/data on /mnt/view: a copy would not follow.",
        ),
        Point(
            "writing through /mnt/view says EROFS",
            _write(VIEW / "proof") == errno.EROFS,
            "Read-only takes a second call, a remount of the bind mount.",
        ),
    ]


def _play_the_machine(contained: Callable[[Callable[[], World]], Any]) -> list[Point]:
    idmaps.unshare_as_root(Namespace.MNT)
    # As systemd does when a machine starts.
    syscalls.mount(None, "/", flags=MountFlag.REC | MountFlag.SHARED)
    world = in_child(lambda: contained(_look_around))
    if not isinstance(world, World):
        world = World(0, [], "unknown: the function does not return what look() says")
    return [
        Point(
            "inside, the process is PID 1",
            world.pid == 1,
            "Unshare PID, and call look() in a child: the next child is PID 1. "
            "Return what it returns.",
        ),
        Point(
            "/proc shows that process and no other",
            world.pids == ["1"],
            "The child mounts a fresh proc on /proc before it looks.",
        ),
        Point(
            "the machine still has its own /proc",
            os.path.exists("/proc/self"),
            "The mount leaked: who else sees / ?",
        ),
        Point(
            "/ is private inside",
            world.propagation == "private",
            "Before the first mount comes `mounts.keep_private()`.",
        ),
    ]


def _look_around() -> World:
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    if not os.path.exists("/proc/self"):
        return World(os.getpid(), pids, "unknown: /proc is not ours")
    roots = [mount for mount in procfs.mounts() if mount.target == "/"]
    return World(os.getpid(), pids, roots[-1].propagation)


def _fstype(place: Path) -> str:
    """Return the type of the topmost filesystem at a mount point."""
    found = [mount for mount in procfs.mounts() if mount.target == str(place)]
    return found[-1].fstype if found else ""


def _write(file: Path) -> int:
    """Try to write a file; return the errno, 0 if it worked."""
    try:
        file.write_text("proof")
    except OSError as error:
        return error.errno or -1
    return 0
