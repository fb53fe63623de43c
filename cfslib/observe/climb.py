"""climb: where / and . are for a process, after each call of the way out of `chroot`.

A child makes the calls for real, in a mount namespace of its own, and says after each
which directories the two are.  It does not go by paths, because what a path leads to is
what changes.  A directory is known by its device and inode, which stay.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.mounts import UmountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls

PLACES = ("/", "/mnt", "/mnt/jail", "/mnt/jail/trap")  # each in the one before it
JAIL, TRAP = PLACES[2:]


@dataclass(frozen=True)
class Where:
    """From where a process starts all its paths, after a call."""

    call: str
    story: str
    root: str  # one of PLACES: what `/` is
    cwd: str  # what `.` is
    cut: bool = False  # whether the host's tree has been taken away


Note = Callable[[str, str], None]


def out_of_chroot() -> list[Where]:
    """Be locked in by `chroot`, and climb out."""
    return in_child(lambda: _told(_lock_in_by_chroot))


def out_of_pivot_root() -> list[Where]:
    """Be locked in by `pivot_root`, and climb in vain."""
    return in_child(lambda: _told(_lock_in_by_pivot_root))


def _told(lock_in: Callable[[Note], object]) -> list[Where]:
    """Be the process, in namespaces of its own for good."""
    idmaps.unshare_as_root(Namespace.MNT)
    mounts.keep_private()
    syscalls.mount("tmpfs", "/mnt", "tmpfs")
    os.makedirs(TRAP)
    mounts.bind(JAIL, JAIL)  # pivot_root takes nothing but a mount
    os.chdir("/")
    names = {_identity(path): path for path in PLACES}
    told: list[Where] = []

    def note(call: str, story: str) -> None:
        cut = "umount2" in call or bool(told and told[-1].cut)
        root, cwd = names[_identity("/")], names[_identity(".")]
        told.append(Where(call, story, root, cwd, cut))

    note("Before", "All paths start at `/` or at `.`, and both are the host's root.")
    lock_in(note)
    _climb(note)
    syscalls.chroot(".")
    note('chroot(".")', _OUT if names[_identity("/")] == "/" else _STILL_IN)
    return told


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _lock_in_by_chroot(note: Note) -> None:
    syscalls.chroot(JAIL)
    note(f'chroot("{JAIL}")', "`/` is the jail now. `.` has not moved: it is outside.")
    syscalls.chdir("/")
    note('chdir("/")', "Now both are in the jail. `..` goes up, but never past `/`.")


def _lock_in_by_pivot_root(note: Note) -> None:
    syscalls.chdir(JAIL)
    note(f'chdir("{JAIL}")', "`.` is in the jail. The jail is a mount of its own.")
    syscalls.pivot_root(".", ".")
    note('pivot_root(".", ".")', "The jail is the root mount. The host's lies on top.")
    syscalls.umount2(".", UmountFlag.DETACH)
    note('umount2(".", MNT_DETACH)', "The host's tree is gone from this namespace.")
    syscalls.chdir("/")
    note('chdir("/")', "Both are in the jail, and there is nothing above it.")


def _climb(note: Note) -> None:
    """Take the way out, as root of the jail may; say what each call did."""
    syscalls.chroot("/trap")
    note('chroot("/trap")', "`/` moves down, and `.` stays: it is above our root now.")
    for _ in range(3):
        before = _identity(".")
        os.chdir("..")
        moved = _identity(".") != before
        note('chdir("..")', _UP if moved else _STAYS)


_UP = "`.` goes one up. Only our root would stop it, and that is not on the way."
_STAYS = "`.` stays: this is the root of the mount namespace, and nothing is above it."
_OUT = "Out. `/` is the host's root again, and every file of the host is in reach."
_STILL_IN = "`/` is the jail, as before. No call failed, and the way leads nowhere."
