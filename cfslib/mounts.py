"""Mounts: which filesystems a process sees, and where.

A mount hangs a filesystem at a place in the tree of directories.  Each mount
namespace has a list of mounts of its own, but a mount made in one can spread to
others: where `propagation` says "shared", it does.

    >>> procfs.mounts()[0].target
    '/'

Manual pages: mount(2), mount_namespaces(7).
"""

import enum
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from cfslib import syscalls


class MountFlag(enum.IntFlag):
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

    def __str__(self) -> str:
        return self.name or "none"


class UmountFlag(enum.IntFlag):
    """How to unmount.  Values: <linux/fs.h>, where MNT_ comes before them."""

    DETACH = 2  # now from the tree, in truth when nobody uses it any more

    def __str__(self) -> str:
        return self.name or "none"


class TreeFlag(enum.IntFlag):
    """For the calls on trees of mounts.  Values: <linux/mount.h>, <linux/fcntl.h>."""

    CLONE = 0x1  # OPEN_TREE_CLONE: a copy, as a bind mount is
    FROM_FD = 0x4  # MOVE_MOUNT_F_EMPTY_PATH: the source is the descriptor
    EMPTY_PATH = 0x1000  # AT_EMPTY_PATH: the descriptor itself
    RECURSIVE = 0x8000  # AT_RECURSIVE: with all mounts below
    CLOEXEC = os.O_CLOEXEC

    def __str__(self) -> str:
        return self.name or "none"


INERT = MountFlag.NOSUID | MountFlag.NODEV | MountFlag.NOEXEC
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEV_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}

# Parts of /proc and /sys that speak of the whole machine, not of the container.
# The lists are those of the OCI runtimes: runc(8), "maskedPaths", "readonlyPaths".
MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READ_ONLY = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)


def keep_private() -> None:
    """Stop mounts made from here on from leaking to the host.

    systemd marks / shared, so a fresh mount namespace still forwards every mount
    to its parent until this call cuts the wire.
    """
    syscalls.mount(None, "/", flags=MountFlag.REC | MountFlag.PRIVATE)


@contextmanager
def mounted(
    source: str | Path,
    target: Path,
    fstype: str | None = None,
    flags: int = 0,
    options: str | None = None,
) -> Generator[Path]:
    """Mount `source` on `target` for the length of a `with` block."""
    syscalls.mount(source, target, fstype, flags, options)
    try:
        yield target
    finally:
        syscalls.umount2(target, UmountFlag.DETACH)


def bind(source: str | Path, target: str | Path) -> None:
    """Show a directory or a file, with all that is mounted below, a second time."""
    syscalls.mount(source, target, flags=MountFlag.BIND | MountFlag.REC)


def make_read_only(target: str | Path, flags: int = 0) -> None:
    """Refuse writes through this mount; the filesystem itself stays as it is.

    `flags` repeats what the mount already has: a user namespace may not drop any
    that it inherited.
    """
    remount = MountFlag.REMOUNT | MountFlag.BIND | MountFlag.RDONLY
    syscalls.mount(None, target, flags=remount | flags)


def proc(target: Path) -> None:
    """Mount a /proc that shows the PID namespace we are in.

    In a user namespace the kernel wants to see a complete /proc around us, so that
    nothing hidden there becomes visible here: mount it before the root changes.
    """
    syscalls.mount("proc", target, "proc", INERT)


def sys(target: Path) -> None:
    """Mount /sys read-only, where the kernel allows it.

    It belongs to the network namespace, and is refused to whoever does not own
    that.  The container then has an empty /sys, which is less, so no danger.
    """
    with suppress(PermissionError):
        syscalls.mount("sysfs", target, "sysfs", INERT | MountFlag.RDONLY)


def dev(target: Path, *, may_make_devices: bool) -> None:
    """Mount a small /dev: six devices, terminals of its own, shared memory.

    Only root of the whole machine may make device files, whatever the namespace;
    others bind the host's.
    """
    syscalls.mount("tmpfs", target, "tmpfs", MountFlag.NOSUID, "mode=755,size=64k")
    for name in DEVICES:
        make = _make_device if may_make_devices else _bind_device
        make(Path("/dev", name), target / name)
    for name, destination in DEV_LINKS.items():
        (target / name).symlink_to(destination)
    _mount_below(target, "pts", "devpts", "newinstance,ptmxmode=0666,mode=0620")
    _mount_below(target, "shm", "tmpfs", "mode=1777,size=64m")


def _make_device(source: Path, target: Path) -> None:
    os.mknod(target, 0o666 | stat.S_IFCHR, source.stat().st_rdev)
    target.chmod(0o666)  # mknod obeys the umask, chmod does not


def _bind_device(source: Path, target: Path) -> None:
    target.touch()
    syscalls.mount(source, target, flags=MountFlag.BIND)


def _mount_below(parent: Path, name: str, fstype: str, options: str) -> None:
    (parent / name).mkdir()
    flags = MountFlag.NOSUID | MountFlag.NOEXEC
    flags |= MountFlag.NODEV if fstype == "tmpfs" else 0
    syscalls.mount(fstype, parent / name, fstype, flags, options)


def hide_the_machine() -> None:
    """Cover what /proc and /sys tell about the machine; protect what they change.

    Call it in the new root.
    """
    for path in MASKED:
        if os.path.isdir(path):
            flags = INERT | MountFlag.RDONLY
            syscalls.mount("tmpfs", path, "tmpfs", flags, "size=0,nr_inodes=1")
        elif os.path.lexists(path):
            syscalls.mount("/dev/null", path, flags=MountFlag.BIND)
    for path in READ_ONLY:
        if os.path.lexists(path):
            syscalls.mount(path, path, flags=MountFlag.BIND | MountFlag.REC)
            make_read_only(path, INERT)


def detached(source: Path, *, read_only: bool = False) -> int:
    """Return a copy of a directory's mounts that is not anywhere yet.

    It keeps hold of a host directory over the change of the root, so that the place
    where it goes is looked up inside, where no symbolic link leads to the host.
    """
    clone = TreeFlag.CLONE | TreeFlag.CLOEXEC
    tree = syscalls.open_tree(source, clone | TreeFlag.RECURSIVE)
    if read_only:
        MOUNT_ATTR_RDONLY = 1
        everything = TreeFlag.EMPTY_PATH | TreeFlag.RECURSIVE
        syscalls.mount_setattr(tree, everything, MOUNT_ATTR_RDONLY)
    return tree


def attach(tree: int, target: Path) -> None:
    """Hang the mounts from `detached` at `target`, and make that if need be."""
    if stat.S_ISDIR(os.fstat(tree).st_mode):
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    syscalls.move_mount(tree, target, TreeFlag.FROM_FD)
    os.close(tree)
