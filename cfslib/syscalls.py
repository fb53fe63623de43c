"""The system calls that Python's standard library leaves out.

Each wrapper names its arguments and asks libc.  The manual page of the same name
documents them, so `man 2 mount` is the long form of `mount()` below.  A call that
fails raises the ordinary `OSError` subclass for its errno; the text is the call as
it was made, and a note says what usually causes it.  A few calls that Python does
have are here too, so that `trace()` shows all that made a container:

    >>> with trace() as calls:
    ...     prctl(Prctl.SET_NAME, "demo")
    >>> str(calls[0])
    'prctl(SET_NAME, "demo") = 0'
"""

import ctypes
import enum
import os
import signal
from collections.abc import Callable, Sequence
from ctypes import c_char_p, c_int, c_long, c_size_t, c_uint, c_ulong, c_void_p
from pathlib import Path
from typing import Any

from cfslib.tracing import Trace, ask, trace

__all__ = ["Trace", "trace"]


class Prctl(enum.IntEnum):
    """What prctl(2) changes about this process.  Values: <linux/prctl.h>."""

    SET_PDEATHSIG = 1  # the signal to get when our parent ends
    SET_DUMPABLE = 4  # 0: processes with our user id may not look into us
    SET_NAME = 15  # the process name that ps shows
    CAPBSET_DROP = 24  # a capability that exec can never bring back
    SET_CHILD_SUBREAPER = 36  # adopt the orphans among our descendants

    def __str__(self) -> str:
        return self.name


# Calls for which libc may have no wrapper.  From number 424 on, every machine
# counts alike; clone is older.  Values: <asm/unistd.h>.
_NR_CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "ppc64le": 120}
_NR_OPEN_TREE = 428
_NR_MOVE_MOUNT = 429
_NR_MOUNT_SETATTR = 442

_libc = ctypes.CDLL(None, use_errno=True)


def _raise_errno(result: int, _function: object, _arguments: object) -> int:
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def _declare(
    name: str, *argument_types: object, libc: Any = _libc
) -> Callable[..., int]:
    function: Any = libc[name]  # [], not getattr: a fresh object with its own types
    function.argtypes = argument_types
    function.restype = c_long if name == "syscall" else c_int
    function.errcheck = _raise_errno
    return function  # type: ignore[no-any-return]


_unshare = _declare("unshare", c_int)
_setns = _declare("setns", c_int, c_int)
_mount = _declare("mount", c_char_p, c_char_p, c_char_p, c_ulong, c_char_p)
_umount2 = _declare("umount2", c_char_p, c_int)
_pivot_root = _declare("pivot_root", c_char_p, c_char_p)
_chroot = _declare("chroot", c_char_p)
_sethostname = _declare("sethostname", c_char_p, c_size_t)
_prctl = _declare("prctl", c_int, c_void_p, c_ulong, c_ulong, c_ulong)
_capset = _declare("capset", c_void_p, c_void_p)
_open_tree = _declare("syscall", c_long, c_int, c_char_p, c_uint)
_move_mount = _declare("syscall", c_long, c_int, c_char_p, c_int, c_char_p, c_uint)
_mount_setattr = _declare(
    "syscall", c_long, c_int, c_char_p, c_uint, c_void_p, c_size_t
)
# PyDLL keeps Python's lock during the call: the child must own it when it wakes up.
_clone = _declare(
    "syscall", c_long, c_ulong, *[c_void_p] * 4, libc=ctypes.PyDLL(None, use_errno=True)
)


def unshare(flags: int) -> None:
    """Swap the namespaces in `flags` for fresh, private ones."""
    ask("unshare", _unshare, flags=flags)


def clone(flags: int) -> int:
    """Fork, with the child in new namespaces; return its pid here and 0 there.

    The difference to `unshare` and `os.fork` is that the caller stays where it is.
    A process with threads must not do this, for the reasons in fork(2).
    """
    number = _NR_CLONE[os.uname().machine]

    def call(flags: int) -> int:
        # What os.fork does around its own call: <Python.h>, "PyOS_BeforeFork".
        ctypes.pythonapi.PyOS_BeforeFork()
        pid = -1
        try:
            pid = _clone(number, flags | signal.SIGCHLD, None, None, None, None)
        finally:
            if pid == 0:
                ctypes.pythonapi.PyOS_AfterFork_Child()
            else:
                ctypes.pythonapi.PyOS_AfterFork_Parent()
        return pid

    return ask("clone", call, flags=flags)


def setns(fd: int, flags: int = 0) -> None:
    """Move into the namespace behind `fd`, or into those in `flags` of a pidfd."""
    ask("setns", _setns, fd=fd, flags=flags)


def mount(
    source: str | Path | None,
    target: str | Path,
    fstype: str | None = None,
    flags: int = 0,
    options: str | None = None,
) -> None:
    """Show a filesystem, or a directory once more, at `target`; or change a mount."""
    ask(
        "mount",
        _mount,
        source=source,
        target=target,
        fstype=fstype,
        flags=flags,
        options=options,
    )


def umount2(target: str | Path, flags: int = 0) -> None:
    """Take the topmost mount at `target` away."""
    ask("umount2", _umount2, target=target, flags=flags)


def open_tree(path: str | Path, flags: int) -> int:
    """Return a file descriptor of a copy of the mounts at `path`, not yet anywhere."""
    AT_FDCWD = -100

    def call(path: bytes, flags: int) -> int:
        return _open_tree(_NR_OPEN_TREE, AT_FDCWD, path, flags)

    return ask("open_tree", call, path=path, flags=flags)


def move_mount(tree: int, target: str | Path, flags: int) -> None:
    """Hang the mounts behind the file descriptor `tree` at `target`."""
    AT_FDCWD = -100

    def call(tree: int, target: bytes, flags: int) -> int:
        return _move_mount(_NR_MOVE_MOUNT, tree, b"", AT_FDCWD, target, flags)

    ask("move_mount", call, tree=tree, target=target, flags=flags)


def mount_setattr(tree: int, flags: int, attributes: int) -> None:
    """Set attributes such as read-only on the mounts behind `tree`."""

    def call(tree: int, flags: int, attributes: int) -> int:
        # struct mount_attr: to set, to clear, propagation, user namespace.
        wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
        size = ctypes.sizeof(wanted)
        return _mount_setattr(_NR_MOUNT_SETATTR, tree, b"", flags, wanted, size)

    ask("mount_setattr", call, tree=tree, flags=flags, attributes=attributes)


def pivot_root(new_root: str | Path, put_old: str | Path) -> None:
    """Make `new_root` the root mount and hang the old one at `put_old`."""
    ask("pivot_root", _pivot_root, new_root=new_root, put_old=put_old)


def chroot(path: str | Path) -> None:
    """Start the absolute paths of this process at `path`; change nothing else."""
    ask("chroot", _chroot, path=path)


def chdir(path: str | Path) -> None:
    """Start the relative paths of this process at `path`."""
    ask("chdir", os.chdir, path=path)


def sethostname(name: str) -> None:
    """Rename the UTS namespace this process is in; at most 64 bytes."""
    ask("sethostname", lambda name: _sethostname(name, len(name)), name=name)


def prctl(option: Prctl, value: int | str) -> None:
    """Change one property of this process."""
    ask("prctl", lambda *pair: _prctl(*pair, 0, 0, 0), option=option, value=value)


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set the capabilities of this process, one bit each: see capabilities(7)."""

    def call(*sets: int) -> int:
        # Version 3 of the format: two structs of 32 bits, the low halves first.
        header = (ctypes.c_uint32 * 2)(0x2008_0522, 0)
        halves = [bits >> shift & 0xFFFF_FFFF for shift in (0, 32) for bits in sets]
        return _capset(header, (ctypes.c_uint32 * 6)(*halves))

    ask(
        "capset",
        call,
        effective=effective,
        permitted=permitted,
        inheritable=inheritable,
    )


def setuid(uid: int) -> None:
    """Become user `uid`, for good."""
    ask("setuid", lambda uid: os.setresuid(uid, uid, uid), uid=uid)


def setgid(gid: int) -> None:
    """Become a member of group `gid`, for good."""
    ask("setgid", lambda gid: os.setresgid(gid, gid, gid), gid=gid)


def write(path: str | Path, text: str) -> None:
    """Write a file of the kernel's, such as uid_map or pids.max, in one write(2)."""

    def call(path: bytes, text: bytes) -> int:
        fd = os.open(path, os.O_WRONLY)
        try:
            return os.write(fd, text)
        finally:
            os.close(fd)

    ask("write", call, path=path, text=text)


def posix_spawn(argv: Sequence[str], env: dict[str, str], **attributes: Any) -> int:
    """Start a program found in our own PATH as a child; return its pid.

    `attributes` are those of `os.posix_spawnp`.  Unlike after a fork, an exec that
    fails is an error here, in the parent.
    """

    def call(argv: Sequence[str]) -> int:
        return os.posix_spawnp(argv[0], argv, env, **attributes)

    return ask("posix_spawn", call, argv=list(argv))
