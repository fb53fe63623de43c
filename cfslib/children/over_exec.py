"""over_exec: what a program does not get from the process that starts it.

A child made by fork is as its parent is.  A program started by exec is not quite: as
root it has all the capabilities again that its starter gave up, and it cannot turn back
into a user that its starter could.  So a process that starts a program to stand in for
it says how it is itself, and the program does what it can to be the same.  It gives up
what it has too much; capabilities that exec took away it cannot take back.

Helpers import this, and they import as little as they can: see `ffi`.
"""

import _signal
import posix

from cfslib.kernel import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CAPABILITIES = ("CapEff:", "CapPrm:", "CapInh:")
GET_DUMPABLE = 3  # may others look into this process?  Values: <linux/prctl.h>
_SET_DUMPABLE = 4
# Signals 32 and 33, which its threads use; its posix_spawn leaves them ignored.
_OF_THE_C_LIBRARY = 3 << 31


def of_this_thread() -> str:
    """Return what to tell a program, as one word."""
    status = _status()
    numbers = (
        *_capabilities(status),
        posix.getresuid()[2],
        posix.getresgid()[2],
        libc.prctl(GET_DUMPABLE, 0),
        ignored(status),
    )
    return ",".join(map(str, numbers))


def restore(told: str) -> int:
    """Be as the starter was; return the signals that it ignored, one bit each.

    Those are for whom this process makes.  It must not itself ignore the end of its
    children, or there is none to wait for; Python needs some signals ignored; and for
    Ctrl-C see `inherited`.
    """
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    *capabilities, uid, gid, dumpable, signals = map(int, told.split(","))
    _try(posix.setresgid, -1, -1, gid)
    _try(posix.setresuid, -1, -1, uid)
    ours = _capabilities(_status())
    kept = [theirs & own for theirs, own in zip(capabilities, ours, strict=True)]
    if kept != ours:
        libc.capset(*kept)
    libc.prctl(_SET_DUMPABLE, dumpable & 1)  # 2 is for the kernel alone to set
    return signals


def ignored(status: str) -> int:
    r"""Return the ignored signals in the text of /proc/PID/status, one bit each.

    >>> ignored("SigIgn:\t0000000000001001\n") == 1 << 13 - 1 | 1 << 1 - 1
    True
    """
    return _set(status, "SigIgn:") & ~_OF_THE_C_LIBRARY


def _capabilities(status: str) -> "list[int]":
    return [_set(status, name) for name in _CAPABILITIES]


def _set(status: str, name: str) -> int:
    return int(status.partition(name)[2].split(maxsplit=1)[0], 16)


def _status() -> str:
    file = posix.open("/proc/thread-self/status", posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(file, 1 << 16).decode(errors="replace")
    finally:
        posix.close(file)


def _try(change: "Callable[..., None]", *ids: int) -> None:
    try:
        change(*ids)
    except OSError:
        pass  # exec has left no way back
