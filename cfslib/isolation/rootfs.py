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
from cfslib.kernel import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

MOUNT_POINTS = ("dev", "proc", "sys")


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
    for name in MOUNT_POINTS:
        # A link here would have us mount wherever it leads, on the host.
        if name in names and not stat.S_ISDIR(posix.lstat(f"{root}/{name}").st_mode):
            raise _unusable(NotADirectoryError, f"{root}/{name} is no directory")


def layer(root: "str | Path", size: str = "1g") -> None:
    """Cover `root` with a layer in memory, in our mount namespace.

    The files of `root` show through.  What is written goes into the layer, and is
    gone with the namespace: a container never changes the directory it started
    from, and two may use one at the same time.
    """
    below = syscalls.open_path(root)
    syscalls.mount("tmpfs", root, "tmpfs", MountFlag.NODEV, f"mode=755,size={size}")
    # Relative names, because in mount options a comma or a colon in a path would
    # end it, and because everybody inside can read them in /proc/mounts.
    syscalls.chdir(root)
    syscalls.mkdir("upper")
    syscalls.mkdir("work")
    layers = f"lowerdir=/proc/self/fd/{below},upperdir=upper,workdir=work"
    # The attributes that mark deleted files are root's, or under "user." anybody's.
    if not idmaps.in_initial_namespace():
        layers += ",userxattr"
    syscalls.mount("overlay", root, "overlay", MountFlag.NODEV, layers)
    syscalls.close(below)


def make_mount_points(root: "str | Path") -> None:
    """Make the directories that a container's own filesystems are mounted on."""
    for name in MOUNT_POINTS:
        try:
            syscalls.mkdir(f"{root}/{name}")
        except FileExistsError:
            pass


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
