"""Notify: another process answers a call in the kernel's place.

A filter that was set with NEW_LISTENER comes with a descriptor.  Where the filter says
USER_NOTIF, the call waits, and whoever has the descriptor is told of it:

    receive       take the next call that waits
    answer        have it return a number, or fail, without being made
    carry_on      have the kernel make it after all
    give          open a file, and put the descriptor into the process that waits

The process may be killed while it waits, and its pid go to another one.  So `memory`
asks if it `still_waits` after opening, and again before believing what was read.
And what is read there can change until the kernel reads it again: `carry_on` is no way
to forbid anything.  Manual page: seccomp_unotify(2).
"""

import errno
import fcntl
import posix
import sys

from cfslib.isolation.seccomp import data
from cfslib.isolation.seccomp.data import SeccompData
from cfslib.kernel.record import Record

# What ioctl(2) is to do.  <linux/seccomp.h>, where SECCOMP_IOCTL_NOTIF_ comes first.
RECV, SEND, ID_VALID, ADDFD = 0xC050_2100, 0xC018_2101, 0x4008_2102, 0x4018_2103
CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
ANSWER = 2  # SECCOMP_ADDFD_FLAG_SEND: the number of the descriptor is the answer
LINK = "anon_inode:seccomp notify"  # what /proc says that the descriptor is


class Waiting(Record):
    """A call that waits for an answer: struct seccomp_notif."""

    def __init__(self, id: int, pid: int, data: SeccompData, listener: int) -> None:
        self.id = id  # of this call; it is never used again
        self.pid = pid  # of the thread that made it; 0 if we cannot see it
        self.data = data
        self.listener = listener  # the descriptor by which we know of it


def receive(listener: int) -> "Waiting | None":
    """Take the next call; wait until there is one.  None: all have ended."""
    while _something_comes(listener):
        struct = bytearray(16 + data.SIZE)  # zeros, or it is EINVAL
        try:
            fcntl.ioctl(listener, RECV, struct, True)
        except FileNotFoundError:
            continue  # killed in the meantime
        id, pid = _number(struct[:8]), _number(struct[8:12])
        return Waiting(id, pid, data.unpacked(bytes(struct[16:])), listener)
    return None


def _something_comes(listener: int) -> bool:
    """Wait for a call, or for the end of all that have the filter."""
    import select  # here, because nobody needs it on the way of a container

    events = select.poll()
    events.register(listener, select.POLLIN)
    return any(event & select.POLLIN for _, event in events.poll())


def answer(call: Waiting, value: int = 0, error: int = 0) -> None:
    """Have the call return `value`, or fail with an errno; it is not made."""
    _send(call, value, -error, 0)


def carry_on(call: Waiting) -> None:
    """Have the kernel make the call, with whatever its pointers lead to by then."""
    _send(call, 0, 0, CONTINUE)


def _send(call: Waiting, value: int, error: int, flags: int) -> None:
    """Send struct seccomp_notif_resp; nobody minds if the process has been killed."""
    parts = [(call.id, 8), (value, 8), (error, 4), (flags, 4)]
    try:
        fcntl.ioctl(call.listener, SEND, _packed(parts))
    except FileNotFoundError:
        pass


def still_waits(call: Waiting) -> bool:
    """Say if the process is still there, and its pid still its own."""
    try:
        fcntl.ioctl(call.listener, ID_VALID, _packed([(call.id, 8)]))
    except FileNotFoundError:
        return False
    return True


def give(call: Waiting, fd: int) -> int:
    """Put a copy of our descriptor into the process; its number is the answer."""
    parts = [(call.id, 8), (ANSWER, 4), (fd, 4), (0, 4), (0, 4)]
    number: int = fcntl.ioctl(call.listener, ADDFD, bytearray(_packed(parts)), True)
    return number


def memory(call: Waiting, address: int, size: int) -> bytes:
    """Read what a pointer leads to, in the process that waits: at most `size` bytes."""
    with _Memory(call, posix.O_RDONLY) as fd:
        return posix.pread(fd, size, address)


def write_memory(call: Waiting, address: int, new: bytes) -> None:
    """Write to where a pointer leads, in the process that waits."""
    with _Memory(call, posix.O_WRONLY) as fd:
        posix.pwrite(fd, new, address)


class _Memory:
    """The memory of a process that waits; certainly its own."""

    def __init__(self, call: Waiting, flags: int) -> None:
        self._call = call
        self._fd = posix.open(f"/proc/{call.pid}/mem", flags | posix.O_CLOEXEC)

    def __enter__(self) -> int:
        try:
            self._check()  # its pid may be another's by now
        except ProcessLookupError:
            posix.close(self._fd)
            raise
        return self._fd

    def __exit__(self, *_: object) -> None:
        posix.close(self._fd)
        self._check()  # a signal may have ended the call, and the memory be in use

    def _check(self) -> None:
        if not still_waits(self._call):
            raise ProcessLookupError(errno.ESRCH, "it waits no longer")


def find_listener() -> "int | None":
    """Return the descriptor by which this process hears of calls, if it has one."""
    for name in posix.listdir("/proc/self/fd"):
        try:
            if posix.readlink(f"/proc/self/fd/{name}") == LINK:
                return int(name)
        except FileNotFoundError:
            pass  # of the listing itself
    return None


def _packed(parts: "list[tuple[int, int]]") -> bytes:
    return b"".join(
        number.to_bytes(size, sys.byteorder, signed=number < 0)
        for number, size in parts
    )


def _number(packed: "bytes | bytearray") -> int:
    return int.from_bytes(packed, sys.byteorder)
