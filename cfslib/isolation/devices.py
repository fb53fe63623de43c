"""devices: a small /dev, with nothing in it that leads to the machine's hardware.

Manual pages: null(4), random(4), pts(4); mknod(2) says who may make device files.
"""

import posix
import stat

from cfslib.isolation.mounts import MountFlag
from cfslib.kernel import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEV_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}


def mount_dev(target: "str | Path", *, may_make_devices: bool) -> None:
    """Mount a small /dev: six devices, terminals of its own, shared memory.

    Only root of the whole machine may make device files, whatever the namespace;
    others bind the host's.
    """
    bounds = "mode=755,size=64k,nr_inodes=64"
    syscalls.mount("tmpfs", target, "tmpfs", MountFlag.NOSUID, bounds)
    before = posix.umask(0)  # for everybody, as far as mknod is concerned
    for name in DEVICES:
        make = _make_device if may_make_devices else _bind_device
        make(f"/dev/{name}", f"{target}/{name}")
    posix.umask(before)
    for name, destination in DEV_LINKS.items():
        syscalls.symlink(destination, f"{target}/{name}")
    _mount_below(f"{target}/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620")
    _mount_below(f"{target}/shm", "tmpfs", "mode=1777,size=64m,nr_inodes=4k")


def allow_no_others(dev: str = "/dev") -> None:
    """Have no other device work in a /dev that we made.

    Whoever may make device files could reach any disk of the machine by them.
    """
    for name in DEVICES:
        file = f"{dev}/{name}"
        syscalls.mount(
            file, file, flags=MountFlag.BIND
        )  # a mount with flags of its own
    flags = MountFlag.REMOUNT | MountFlag.BIND | MountFlag.NOSUID | MountFlag.NODEV
    syscalls.mount(None, dev, flags=flags)


def _make_device(source: str, target: str) -> None:
    syscalls.mknod(target, 0o666 | stat.S_IFCHR, posix.stat(source).st_rdev)


def _bind_device(source: str, target: str) -> None:
    syscalls.mknod(target, 0o666 | stat.S_IFREG)  # an empty file to mount on
    syscalls.mount(source, target, flags=MountFlag.BIND)


def _mount_below(target: str, fstype: str, options: str) -> None:
    syscalls.mkdir(target)
    flags = MountFlag.NOSUID | MountFlag.NOEXEC
    flags |= MountFlag.NODEV if fstype == "tmpfs" else 0
    syscalls.mount(fstype, target, fstype, flags, options)
