"""trees: mounts that are held by a file descriptor, and are nowhere yet.

A volume is a directory of the host that is seen inside.  Its source has to be looked
up before the root changes, its place afterwards, where no symbolic link of the rootfs
can lead to the host.  In between, the kernel keeps it as a detached tree of mounts.

Linux 5.2 brought these calls, 5.12 the last; libc has no wrappers for all of them.
See open_tree(2), move_mount(2), mount_setattr(2).
"""

import enum
import errno
import os
import stat
from pathlib import Path

from cfslib.isolation.mounts import MountFlag
from cfslib.kernel import libc
from cfslib.kernel.tracing import ask


class TreeFlag(enum.IntFlag):
    """For the calls on trees of mounts.  Values: <linux/mount.h>, <linux/fcntl.h>."""

    CLONE = 0x1  # OPEN_TREE_CLONE: a copy, as a bind mount is
    FROM_FD = 0x4  # MOVE_MOUNT_F_EMPTY_PATH: the source is the descriptor
    EMPTY_PATH = 0x1000  # AT_EMPTY_PATH: the descriptor itself
    RECURSIVE = 0x8000  # AT_RECURSIVE: with all mounts below
    CLOEXEC = os.O_CLOEXEC

    def __str__(self) -> str:
        return self.name or "none"


def detached(source: Path, *, read_only: bool = False) -> int:
    """Return a copy of the mounts at a directory or file, as a file descriptor.

    No device file of the host works in it, and no setuid program.  Raise
    `PermissionError` for a device itself.
    """
    clone = TreeFlag.CLONE | TreeFlag.CLOEXEC
    tree = open_tree(source, clone | TreeFlag.RECURSIVE)
    mode = os.fstat(tree).st_mode
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise PermissionError(errno.EPERM, f"{source} is a device, so it is no volume")
    # Docker allows both, and guards devices by a cgroup that we do not have.
    attributes = MountFlag.NODEV | MountFlag.NOSUID
    if read_only:
        attributes |= MountFlag.RDONLY
    mount_setattr(tree, TreeFlag.EMPTY_PATH | TreeFlag.RECURSIVE, attributes)
    return tree


def attach(tree: int, target: Path) -> None:
    """Hang the mounts at `target`, and make that if need be; close the descriptor."""
    # A link in a hostile rootfs could lead it over files that PID 1 still trusts.
    target = target.resolve()
    if target == Path("/") or target.is_relative_to("/proc"):
        raise PermissionError(errno.EPERM, f"a volume cannot cover {target}")
    if stat.S_ISDIR(os.fstat(tree).st_mode):
        if not target.exists():
            target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    move_mount(tree, target, TreeFlag.FROM_FD)
    os.close(tree)


def open_tree(path: str | Path, flags: int) -> int:
    """Return a file descriptor of the mounts at `path`, or of a copy of them."""
    return ask("open_tree", libc.open_tree, path=path, flags=flags)


def move_mount(tree: int, target: str | Path, flags: int) -> None:
    """Hang the mounts behind the file descriptor `tree` at `target`."""
    ask("move_mount", libc.move_mount, tree=tree, target=target, flags=flags)


def mount_setattr(tree: int, flags: int, attributes: int) -> None:
    """Set attributes on the mounts behind `tree`: RDONLY, NOSUID, NODEV, NOEXEC.

    They have the numbers of `MountFlag`, as MOUNT_ATTR_RDONLY and so on.
    """
    ask(
        "mount_setattr",
        libc.mount_setattr,
        tree=tree,
        flags=flags,
        attributes=attributes,
    )
