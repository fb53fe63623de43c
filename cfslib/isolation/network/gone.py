"""gone: records of network namespaces that are no more.

A network namespace goes with its last process, and its bridges and rules go with it,
but not the files about them.  The name of their directory says whose they are:

    NUMBER-NET-DEV-PID    a number of a network namespace that the kernel never gives
                          again; those of /proc/self/ns/net, /proc/self/net/dev and
                          /proc/self/ns/pid, which it does

As long as a process is in this network namespace, or it is mounted as a file, its
records stay.  Each process shows the second one, also those into which we may not look.
We judge only what was made in our PID namespace, where we see all who may be meant.
"""

import _socket
import posix
import sys

from cfslib.kernel import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FILES = "ns/net", "net/dev", "ns/pid"
_COOKIE = 71  # SO_NETNS_COOKIE in <asm-generic/socket.h>


def name_of_this_host() -> str:
    """Return the name of the directory for the network namespace that we are in."""
    files = [posix.stat(f"/proc/self/{file}").st_ino for file in _FILES]
    return "-".join(map(str, (_number(files[0]), *files)))


def _number(otherwise: int) -> int:
    any_socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        cookie = any_socket.getsockopt(_socket.SOL_SOCKET, _COOKIE, 8)
    except OSError:  # before Linux 5.14; a number that may come again
        return otherwise
    finally:
        any_socket.close()
    return int.from_bytes(cookie, sys.byteorder)


def clear_up(top: str) -> None:
    """Remove the records of each host of which nothing is left."""
    pids = str(posix.stat("/proc/self/ns/pid").st_ino)
    ours = name_of_this_host()
    others = [name for name in posix.listdir(top) if name not in ("lock", ours)]
    judged = [name for name in others if name.rpartition("-")[2] == pids]
    there = set(_in_use()) if judged else set()
    for name in judged:
        if not there.intersection(name.split("-")[1:3]):
            _remove(f"{top}/{name}")


def _in_use() -> "Iterator[str]":
    """Yield a number of each network namespace that somebody is in, or keeps."""
    for line in procfs.read("/proc/self/mountinfo").splitlines():
        if " net:[" in line:  # as `ip netns add` does
            yield line.partition(" net:[")[2].partition("]")[0]
    for pid in filter(str.isdecimal, posix.listdir("/proc")):
        try:
            yield str(posix.stat(f"/proc/{pid}/net/dev").st_ino)
        except OSError:
            pass  # it has ended


def _remove(path: str) -> None:
    """Remove the directory of a host, and those of its leases."""
    for name in posix.listdir(path):
        entry = f"{path}/{name}"
        if name.endswith(".leases"):
            _remove(entry)
        else:
            posix.unlink(entry)
    posix.rmdir(path)
