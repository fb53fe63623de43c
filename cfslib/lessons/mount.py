"""The checks of 03-mount.

A learner's function runs in a child that plays the machine: it is root of namespaces of
its own, so whatever goes wrong, and whatever is left running, is gone with it.
"""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace, inode
from cfslib.kernel import procfs, syscalls
from cfslib.lessons import Point, exercise
from cfslib.lessons.guard import Stumbled

T = TypeVar("T")

MNT = Path("/mnt")
DATA, VIEW = MNT / "data", MNT / "view"


def as_root_of_a_machine(func: Callable[[], T]) -> T:
    """Call `func` as root of a mount namespace, a PID namespace, and nothing else.

    It is not PID 1, so that PID 1 is left for a learner to make.  When PID 1 ends, the
    kernel kills everybody else.
    """

    def outside() -> T:
        idmaps.unshare_as_root(Namespace.MNT | Namespace.PID)
        return in_child(lambda: in_child(func))

    return in_child(outside)


@exercise("03-mount", 1)
def check_window(window: Callable[[], object]) -> list[Point]:
    """Look if `window` opens one: /mnt/view shows /mnt/data, read-only."""
    return as_root_of_a_machine(lambda: _look_through(window))


def _look_through(window: Callable[[], object]) -> list[Point]:
    mounts.keep_private()
    syscalls.mount("tmpfs", MNT, "tmpfs")
    namespace, device = inode(Namespace.MNT), MNT.stat().st_dev
    with syscalls.trace() as calls:  # of the children, too
        _open(window)
    unshared = any(call.name == "unshare" and not call.error for call in calls)
    written = _write(DATA / "proof")
    return [
        Point(
            "the process has a mount namespace of its own",
            inode(Namespace.MNT) != namespace,
            "A child of yours had one, and it has ended.  `window` is in a child "
            "already: unshare and mount there, without `in_child`."
            if unshared
            else "First of all: `idmaps.unshare_as_root(Namespace.MNT)`.",
        ),
        Point(
            "/mnt is a new filesystem in memory",
            MNT.stat().st_dev != device and _fstype(MNT) == "tmpfs",
            "Mount a tmpfs on /mnt, and make the directories in that.",
        ),
        Point(
            "/mnt/data can be written",
            written == 0,
            "Make it in the new filesystem, for a mount covers what was there."
            if written == errno.ENOENT
            else "It is read-only, too.  In `bind` the source comes first.  And in a "
            "remount the flag BIND says that only one mount is meant, not all of "
            "the filesystem.",
        ),
        Point(
            "what is written there is seen in /mnt/view",
            written == 0 and (VIEW / "proof").exists(),
            "Make /mnt/view, and bind /mnt/data on it.  A copy would not follow.",
        ),
        Point(
            "writing through /mnt/view says EROFS",
            _write(VIEW / "proof") == errno.EROFS,
            "Read-only takes a second call, a remount of the bind mount.",
        ),
    ]


def _open(window: Callable[[], object]) -> None:
    """Let the learner open it; one who also tried the view hears that it works."""
    try:
        window()
    except Stumbled as error:
        if f"Read-only file system: '{VIEW}" in error.said:
            error.hints = (
                "So it should be!  The check tries this itself: take the line out.",
            )
        raise


@dataclass(frozen=True)
class World:
    """What the first process of a container found around itself."""

    pid: int
    pids: list[str]  # in /proc
    table: int  # its mount namespace


@exercise("03-mount", 2)
def check_contained(
    contained: Callable[[Callable[[], World]], Any],
) -> list[Point]:
    """Look if `contained` gives a /proc of one's own and leaves the machine its."""
    return as_root_of_a_machine(lambda: _play_the_machine(contained))


def _play_the_machine(
    contained: Callable[[Callable[[], World]], Any],
) -> list[Point]:
    # As systemd does when a machine starts.
    syscalls.mount(None, "/", flags=MountFlag.REC | MountFlag.SHARED)
    device, table = MNT.stat().st_dev, inode(Namespace.MNT)
    rows = os.open("/proc/self/mountinfo", os.O_RDONLY)  # later it may be covered
    said = in_child(lambda: contained(_look_around))
    world = said if isinstance(said, World) else World(0, [], 0)
    return [
        Point(
            "it returns what look() said",
            said is world,
            "With brackets it is called: `look()`."
            if callable(said)
            else "`return` what look() says, also out of the function that you call "
            "in a child.",
        ),
        Point(
            "inside, the process is PID 1",
            world.pid == 1,
            "Unshare PID, and call look() in a child: the first child is PID 1.",
        ),
        Point(
            "/proc shows that process and no other",
            world.pids == ["1"],
            "The child mounts a fresh proc on /proc before it looks.",
        ),
        Point(
            "the machine still has its own /proc",
            os.path.exists("/proc/self"),
            "This was the machine's own mount table: unshare MNT as well."
            if world.table == table
            else "The mount leaked: who else sees `/`, and all that is mounted below?",
        ),
        Point(
            "no mount made inside reaches the machine",
            MNT.stat().st_dev == device,
            "Before the first mount comes `mounts.keep_private()`.",
        ),
        Point(
            "the machine's / is shared, as before",
            _propagation_of_root(rows) == "shared",
            "`keep_private` changes the table of whoever calls it: unshare MNT first.",
        ),
    ]


def _look_around() -> World:
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    with suppress(OSError):
        syscalls.mount("tmpfs", MNT, "tmpfs")  # does it get out?
    table = inode(Namespace.MNT) if os.path.exists("/proc/self") else 0
    return World(os.getpid(), pids, table)


def _propagation_of_root(rows: int) -> str:
    """Return who hears of mounts below `/`, by a descriptor of the mount table."""
    with open(rows) as file:
        table = procfs.parse_mountinfo(file.read())
    return next(mount.propagation for mount in table if mount.target == "/")


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
