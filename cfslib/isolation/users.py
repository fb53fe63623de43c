"""users: who the command runs as.

`--user` takes numbers, UID or UID:GID, or a name from the container's own
/etc/passwd.  That file is read as text: the C library's look-up would load modules
from the container's root, which is not to be trusted with the rights of PID 1.
"""

import posix
import stat

from cfslib.kernel import libc, procfs, program, syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

LAST_ID = 2**32 - 2


def look_up(user: str, etc: "str | Path" = "/etc") -> "tuple[int, int]":
    """Return the numbers (uid, gid) for what `--user` was given.

    Raise LookupError if passwd or group has no such name, or nobody such a number.
    """
    name, _, group = user.partition(":")
    if name.isdecimal():
        uid, gid = int(name), 0
    else:
        entry = _entry(f"{etc}/passwd", name)
        uid, gid = int(entry[2]), int(entry[3])
    if group:
        gid = int(group) if group.isdecimal() else int(_entry(f"{etc}/group", group)[2])
    for number in (uid, gid):
        # One more would be -1, which to setresuid(2) means "stay": root, in our case.
        if number > LAST_ID:
            raise LookupError(f"there is no user or group {number}")
    return uid, gid


def may_leave_groups() -> bool:
    """Say if the kernel lets us: not in a user namespace of an ordinary user.

    See `idmaps.write`.  Ask while /proc is the host's.
    """
    return procfs.read("/proc/self/setgroups") == "allow\n"


def become(uid: int, gid: int, *, leave_groups: bool = True) -> None:
    """Be this user for good, and in no group but its own if we may."""
    if leave_groups:
        syscalls.setgroups()
    syscalls.setgid(gid)
    syscalls.setuid(uid)


def _entry(file: str, name: str) -> "list[str]":
    for line in _read(file).split("\n"):
        fields = line.split(":")
        if name and fields[0] == name and len(fields) > 3:  # fewer: a broken line
            return fields
    raise LookupError(f"no {name!r} in the container's {file}")


def _read(file: str) -> str:
    """Read a file of the container's, unless it is another kind, such as a FIFO."""
    flags = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOCTTY
    try:
        fd = libc.openat2(file, flags, program.NO_MAGIC_LINKS)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    try:
        is_file = stat.S_ISREG(posix.fstat(fd).st_mode)
        return procfs.text_of(fd) if is_file else ""
    finally:
        posix.close(fd)
