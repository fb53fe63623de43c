"""users: who the command runs as.

`--user` takes numbers, UID or UID:GID, or a name from the container's own
/etc/passwd.  That file is read as text: the C library's look-up would load modules
from the container's root, which is not to be trusted with the rights of PID 1.
"""

import posix
import stat

from cfslib.kernel import procfs, syscalls

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


def become(uid: int, gid: int) -> None:
    """Be this user for good, in no group but its own."""
    # In a user namespace of an ordinary user this is denied: see idmaps.write.
    if procfs.read("/proc/self/setgroups") == "allow\n":
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
    """Read a file, unless it is one that we would wait for, such as a FIFO."""
    try:
        is_file = stat.S_ISREG(posix.stat(file).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return procfs.read(file) if is_file else ""
