"""rootfs: what a container sees at /.

A rootfs is a directory with files, no more.  To put a process into it there are
two ways, and only one holds:

    chroot      moves the start of its paths; whoever has root's rights walks out
    pivot_root  swaps the root mount of the whole mount namespace, and the old one
                can be taken away: nothing is left outside to walk to

`images.host_tools` makes such a directory from the programs of this machine.  Manual
pages: chroot(2), pivot_root(2), and for `layer` the kernel's
Documentation/filesystems/overlayfs.rst.
"""

import posix
import stat

from cfslib.isolation import idmaps, mounts
from cfslib.isolation.mounts import MountFlag, UmountFlag
from cfslib.isolation.workdir import start_in as start_in  # a step like the others
from cfslib.kernel import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOUNT_POINTS = ("dev", "proc", "sys")
UPPER, WORK, POINTS = "upper", "work", "points"  # the directories of a layer
LAYER = 512 << 20  # bytes of memory for the files that are written
MOST_FILES = 1 << 16  # of these, each of which takes a kilobyte of the kernel's memory
# Where a container is put together: a directory in which nobody but root of the host
# could swap a part of its path for a link, as the owner of a rootfs can.
PLACE = "/tmp"


def check(root: "str | Path") -> None:
    """Raise an `OSError` that says what is wrong if this cannot be a root."""
    try:
        names = posix.listdir(root)
    except FileNotFoundError:
        raise _unusable(FileNotFoundError, f"rootfs {root} does not exist") from None
    except NotADirectoryError:
        raise _unusable(NotADirectoryError, f"rootfs {root} is no directory") from None
    except PermissionError:
        raise _unusable(PermissionError, f"rootfs {root} cannot be read") from None
    if not names:
        raise _unusable(FileNotFoundError, f"rootfs {root} is empty")


def layer(
    root: "str | Path",
    place: "str | Path | None" = None,
    size: int = LAYER,
    *,
    ours: "Sequence[str]" = (),  # directories that are new, in which we may write
    as_root: bool = False,  # what is seen at / has the owner and the mode of `root`
    kept: str = "",  # a directory for the layer; else it is in memory
    between: "Sequence[str]" = (),  # layers on top of `root`, the last one first
) -> None:
    """Show `root` at `place`, under a layer in memory, in our mount namespace.

    `place` is `root` itself, if no other is given.  What is written goes into the
    layer, and is gone with the namespace: a container never changes the directory it
    started from, and two may use one at the same time.  In directories that are to be
    `ours` we can write even if they are somebody else's in `root`.  A layer that is
    kept is in `kept` as `keep` has made it.
    """
    place = place or root
    # By descriptors and relative names, because in mount options a comma or a colon in
    # a path would end it, and because everybody inside can read them in /proc/mounts.
    below = [syscalls.open_path(path) for path in (*between, root)]
    lower = ":".join(f"/proc/self/fd/{fd}" for fd in below)
    if kept:  # mount points are in another layer, or they would be in this one
        syscalls.chdir(kept)
        lower = f"{POINTS}:{lower}"
    else:
        bounds = f"mode=755,size={size},nr_inodes={MOST_FILES}"
        syscalls.mount("tmpfs", place, "tmpfs", MountFlag.NODEV, bounds)
        syscalls.chdir(place)
        syscalls.mkdir(WORK)
        syscalls.mkdir(UPPER)
        _make_points(UPPER)
    if as_root:  # else they are ours, because an overlay takes them from above
        _make_alike(below[0], UPPER)
    for name in ours:
        if not _is_link(name, below[0]):  # which would lead elsewhere no more
            syscalls.mkdir(f"{UPPER}/{name}")
    layers = f"lowerdir={lower},upperdir={UPPER},workdir={WORK}"
    # The attributes that mark deleted files are root's, or under "user." anybody's.
    if not idmaps.in_initial_namespace():
        layers += ",userxattr"
    elif kept:  # or it might say of some files only what changed
        layers += ",redirect_dir=off,metacopy=off"
    syscalls.mount("overlay", place, "overlay", MountFlag.NODEV, layers)
    for fd in below:
        syscalls.close(fd)


def keep(directory: str) -> None:
    """Make what a layer needs that is to be there when its container has ended."""
    for name in (UPPER, WORK, POINTS):
        syscalls.mkdir(f"{directory}/{name}")
    _make_points(f"{directory}/{POINTS}")


def _make_points(directory: str) -> None:
    """Make places to mount on, which cover what has their names in the root."""
    for name in MOUNT_POINTS:
        syscalls.mkdir(f"{directory}/{name}")


def _is_link(name: str, directory: int) -> bool:
    try:
        mode = posix.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISLNK(mode)


def _make_alike(root: int, directory: str) -> None:
    status = posix.fstat(root)
    try:
        posix.chown(directory, status.st_uid, status.st_gid)
    except OSError:
        pass  # who it belongs to has no number in here
    posix.chmod(directory, status.st_mode & 0o7777)
    posix.utime(directory, ns=(status.st_mtime_ns, status.st_mtime_ns))


def pivot(root: "str | Path") -> None:
    """Make `root`, a mount point, our root; take the old one away.

    From here on no path leads to the host's files.
    """
    syscalls.chdir(root)
    # The new root is "." and the place for the old one is "." too: the old root ends
    # up on top of the new one, without a directory made for it.  See pivot_root(2).
    syscalls.pivot_root(".", ".")
    syscalls.umount2(".", UmountFlag.DETACH)
    syscalls.chdir("/")


def enter(root: "str | Path") -> None:
    """Make any directory our root, for good.  Needs a mount namespace of our own."""
    mounts.keep_private()  # pivot_root refuses a root that is shared
    mounts.bind(root, root)  # and one that is no mount point
    pivot(root)


def enter_by_chroot(root: "str | Path") -> None:
    """Make a directory our root as the talk does: enough to look, not to lock in."""
    syscalls.chroot(root)
    syscalls.chdir("/")  # or "." still names a place outside


def _unusable(kind: "type[OSError]", text: str) -> OSError:
    error = kind(text)
    error.add_note(
        "Hint: `cfs rootfs build DIR` makes one from this machine's programs."
    )
    return error
