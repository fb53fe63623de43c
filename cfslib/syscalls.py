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
import errno
import os
import signal
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_long, c_size_t, c_ulong, c_void_p
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


# libc's own clone() wants a stack for the child, so we use the number.  It differs
# between processors: <asm/unistd.h>.
_NR_CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "ppc64le": 120}

_libc = ctypes.CDLL(None, use_errno=True)


def _raise_errno(result: int, _function: object, _arguments: object) -> int:
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def declare(
    name: str, *argument_types: object, libc: Any = _libc
) -> Callable[..., int]:
    """Return a function of libc that raises `OSError` where C returns -1."""
    function: Any = libc[name]  # [], not getattr: a fresh object with its own types
    function.argtypes = argument_types
    function.restype = c_long if name == "syscall" else c_int
    function.errcheck = _raise_errno
    return function  # type: ignore[no-any-return]


_unshare = declare("unshare", c_int)
_setns = declare("setns", c_int, c_int)
_mount = declare("mount", c_char_p, c_char_p, c_char_p, c_ulong, c_char_p)
_umount2 = declare("umount2", c_char_p, c_int)
_pivot_root = declare("pivot_root", c_char_p, c_char_p)
_chroot = declare("chroot", c_char_p)
_sethostname = declare("sethostname", c_char_p, c_size_t)
_prctl = declare("prctl", c_int, c_void_p, c_ulong, c_ulong, c_ulong)
_capset = declare("capset", c_void_p, c_void_p)
# PyDLL keeps Python's lock during the call: the child must own it when it wakes up.
_clone = declare(
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
    machine = os.uname().machine
    if machine not in _NR_CLONE:
        raise OSError(
            errno.ENOSYS, f"clone: its number on {machine} is not in _NR_CLONE"
        )
    number = _NR_CLONE[machine]

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
    """Set a file of the kernel's, such as uid_map or pids.max, in one go."""

    def call(path: bytes, text: bytes) -> int:
        fd = os.open(path, os.O_WRONLY)
        try:
            return os.write(fd, text)
        finally:
            os.close(fd)

    ask("write", call, path=path, text=text)


def posix_spawn(argv: list[str], env: dict[str, str], **attributes: Any) -> int:
    """Start a program found in our own PATH as a child; return its pid.

    Unlike after a fork, an exec that fails is an error here, in the parent.
    """

    def call(argv: list[str]) -> int:
        return os.posix_spawnp(argv[0], argv, env, **attributes)

    return ask("posix_spawn", call, argv=argv)
