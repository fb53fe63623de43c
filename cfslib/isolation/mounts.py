"""Mounts: which filesystems a process sees, and where.

A mount hangs a filesystem at a place in the tree of directories.  Each mount
namespace has a list of mounts of its own, but a mount made in one can spread to
others: where `propagation` says "shared", it does.

    >>> from cfslib.kernel import procfs
    >>> "/" in {mount.target for mount in procfs.mounts()}
    True

Manual pages: mount(2), mount_namespaces(7).
"""

from cfslib.kernel import syscalls
from cfslib.kernel.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


class MountFlag(Flag):
    """How to mount.  Values: <linux/mount.h>, where MS_ comes before them."""

    RDONLY = 1  # no writing
    NOSUID = 2  # programs get no other user's rights
    NODEV = 4  # device files are not devices
    NOEXEC = 8  # no running of programs
    REMOUNT = 32  # change a mount that is there
    BIND = 4096  # show a directory or a file at a second place
    MOVE = 8192  # to another place
    REC = 16384  # with all mounts below
    UNBINDABLE = 1 << 17  # propagation: none, and no bind mounts of it either
    PRIVATE = 1 << 18  # propagation: none
    SLAVE = 1 << 19  # propagation: to us, not from us
    SHARED = 1 << 20  # propagation: both ways


class UmountFlag(Flag):
    """How to unmount.  Values: <linux/fs.h>, where MNT_ comes before them."""

    DETACH = 2  # now from the tree, in truth when nobody uses it any more


INERT = MountFlag.NOSUID | MountFlag.NODEV | MountFlag.NOEXEC


def keep_private() -> None:
    """Stop mounts made from here on from leaking to the host.

    systemd marks / shared, so a fresh mount namespace still forwards every mount
    to its parent until this call cuts the wire.
    """
    syscalls.mount(None, "/", flags=MountFlag.REC | MountFlag.PRIVATE)


class mounted:  # noqa: N801  it reads as a function
    """Mount `source` on `target` for the length of a `with` block."""

    def __init__(
        self,
        source: "str | Path",
        target: "Path",
        fstype: "str | None" = None,
        flags: int = 0,
        options: "str | None" = None,
    ) -> None:
        self._target = target
        self._mount = (source, target, fstype, flags, options)

    def __enter__(self) -> "Path":
        syscalls.mount(*self._mount)
        return self._target

    def __exit__(self, *_: object) -> None:
        syscalls.umount2(self._target, UmountFlag.DETACH)


def bind(source: "str | Path", target: "str | Path") -> None:
    """Show a directory or a file, with all that is mounted below, a second time."""
    syscalls.mount(source, target, flags=MountFlag.BIND | MountFlag.REC)


def make_read_only(target: "str | Path", flags: int = 0) -> None:
    """Refuse writes through this mount; the filesystem itself stays as it is.

    `flags` repeats what the mount already has: a user namespace may not drop any
    that it inherited.
    """
    remount = MountFlag.REMOUNT | MountFlag.BIND | MountFlag.RDONLY
    syscalls.mount(None, target, flags=remount | flags)


def proc(target: "str | Path") -> None:
    """Mount a /proc that shows the PID namespace we are in.

    In a user namespace the kernel wants to see a complete /proc around us, so that
    nothing hidden there becomes visible here: mount it before the root changes.
    """
    syscalls.mount("proc", target, "proc", INERT)


def sys(target: "str | Path") -> None:
    """Mount /sys read-only, where the kernel allows it.

    It belongs to the network namespace, and is refused to whoever does not own
    that.  The container then has an empty /sys, which is less, so no danger.
    """
    try:
        syscalls.mount("sysfs", target, "sysfs", INERT | MountFlag.RDONLY)
    except PermissionError:
        pass
