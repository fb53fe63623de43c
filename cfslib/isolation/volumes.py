"""volumes: directories of the host that are seen inside.

The source of a volume has to be looked up before the root changes, its place
afterwards, where no symbolic link of the rootfs can lead to the host.  In between, the
kernel keeps it as a detached tree of mounts, behind a file descriptor.

Who owns a volume can swap its directories for links while we look.  So its place is
opened once, and what is mounted on is what was looked at, whatever its path leads to by
then.

Linux 5.2 brought these calls, 5.12 the last.  See open_tree(2), move_mount(2),
mount_setattr(2).
"""

import errno
import posix
import stat

from cfslib.isolation.mounts import MountFlag
from cfslib.kernel import libc, program, syscalls
from cfslib.kernel.syscalls import Fsconfig, TreeFlag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Volume(Protocol):
        """What `runtime.spec.Volume` is, which this room does not know."""

        source: str | None  # on the host; None for an empty tmpfs
        target: str  # inside
        read_only: bool
        size: int  # of a tmpfs


OURS = ("/proc/", "/sys/")  # what is masked there stays so
MOST_LINKS = 40  # on the way to a file; the kernel follows no more either


def detached(volumes: "Sequence[Volume]") -> "list[int]":
    """Return copies of the mounts at the sources of volumes, as file descriptors.

    No device file of the host works in them, and no setuid program.  Raise
    `PermissionError` if a source is itself a device.
    """
    return [
        _detached(volume.source, volume.read_only) if volume.source else _empty(volume)
        for volume in volumes
    ]


def attach(trees: "Sequence[int]", volumes: "Sequence[Volume]") -> None:
    """Hang the mounts at the targets of volumes, which are made if need be.

    What is below another comes after it, in whatever order they are.  Close the
    descriptors.
    """
    pairs = zip(trees, volumes, strict=True)
    for tree, volume in sorted(pairs, key=lambda pair: _depth(pair[1].target)):
        _attach(tree, volume)


def make_place(path: str) -> None:
    """Make a directory where an absolute path leads to, unless something is there."""
    _make_directory(resolved(path))


def _detached(source: str, read_only: bool) -> int:
    clone = TreeFlag.CLONE | TreeFlag.CLOEXEC
    tree = syscalls.open_tree(source, clone | TreeFlag.RECURSIVE)
    mode = posix.fstat(tree).st_mode
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise PermissionError(errno.EPERM, f"{source} is a device, so it is no volume")
    # Docker allows both, and guards devices by a cgroup that we do not have.
    attributes = MountFlag.NODEV | MountFlag.NOSUID
    if read_only:
        attributes |= MountFlag.RDONLY
    syscalls.mount_setattr(tree, TreeFlag.EMPTY_PATH | TreeFlag.RECURSIVE, attributes)
    return tree


def _empty(volume: "Volume") -> int:
    """Return a filesystem in memory that is not mounted anywhere yet."""
    context = syscalls.fsopen("tmpfs")
    options = {"size": str(volume.size), "nr_inodes": "4k", "mode": "1777"}
    for key, value in options.items():
        syscalls.fsconfig(context, Fsconfig.SET_STRING, key, value)
    syscalls.fsconfig(context, Fsconfig.CMD_CREATE, None, None)
    attributes = MountFlag.NODEV | MountFlag.NOSUID
    if volume.read_only:
        attributes |= MountFlag.RDONLY
    tree = syscalls.fsmount(context, attributes)
    posix.close(context)
    return tree


def _attach(tree: int, volume: "Volume") -> None:
    is_directory = stat.S_ISDIR(posix.fstat(tree).st_mode)
    place = _opened(volume.target, is_directory)
    # No volume ever covers this /proc, so we may believe what it says.
    found = posix.readlink(f"/proc/self/fd/{place}")
    if found == "/" or f"{found}/".startswith(OURS):
        raise PermissionError(errno.EPERM, f"a volume cannot cover {found}")
    if stat.S_ISDIR(posix.fstat(place).st_mode) != is_directory:
        kinds = "a directory on a file" if is_directory else "a file on a directory"
        raise OSError(errno.ENOTDIR, f"{volume.source}:{found} puts {kinds}")
    syscalls.move_mount(tree, place, TreeFlag.FROM_FD | TreeFlag.TO_FD)
    posix.close(place)
    posix.close(tree)


def _opened(target: str, is_directory: bool) -> int:
    """Return a descriptor of the place for a volume, which is made if need be."""
    try:
        return libc.openat2(target, posix.O_PATH, program.NO_MAGIC_LINKS)
    except FileNotFoundError:
        pass
    target = resolved(target)
    if is_directory:
        _make_directory(target)
    else:
        _make_directory(_parent(target))
        syscalls.mknod(target, 0o666 | stat.S_IFREG)  # an empty file to mount on
    return libc.openat2(target, posix.O_PATH, program.NO_MAGIC_LINKS)


def _depth(path: str) -> int:
    """Return how many directories are around a file."""
    return len([name for name in path.split("/") if name not in ("", ".")])


def resolved(path: str) -> str:
    """Return the place that an absolute path leads to, without links on the way.

    What does not exist is no link.

    >>> resolved("/usr/./bin/no-such-directory/..") == resolved("/usr/bin")
    True
    """
    place, links = "", 0
    ahead = path.split("/")[::-1]
    while ahead:
        name = ahead.pop()
        if name == "..":
            place = _parent(place)
        elif name not in ("", "."):
            place, link = f"{place}/{name}", _link(f"{place}/{name}")
            if link:
                links += 1
                if links > MOST_LINKS:
                    raise OSError(errno.ELOOP, posix.strerror(errno.ELOOP), path)
                place = "" if link.startswith("/") else _parent(place)
                ahead += link.split("/")[::-1]
    return place or "/"


def _link(path: str) -> str:
    """Return where a symbolic link leads; nothing if it is none."""
    try:
        return posix.readlink(path)
    except OSError:
        return ""


def _make_directory(path: str) -> None:
    """Make a directory, and those around it, unless it is there."""
    if not _is_there(path):
        _make_directory(_parent(path))
        syscalls.mkdir(path)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _is_there(path: str) -> bool:
    return not path or posix.access(path, posix.F_OK)
