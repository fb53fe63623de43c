"""users: who the command runs as.

`--user` takes numbers, UID or UID:GID, or a name from the container's own
/etc/passwd.  That file is read as text: the C library's look-up would load modules
from the container's root, which is not to be trusted with PID 1's rights.
"""

from pathlib import Path

from cfslib.kernel import syscalls

LAST_ID = 2**32 - 2


def look_up(user: str, etc: Path = Path("/etc")) -> tuple[int, int]:
    """Return the numbers (uid, gid) for what `--user` was given.

    Raise LookupError if passwd or group has no such name, or nobody such a number.
    """
    name, _, group = user.partition(":")
    if name.isdecimal():
        uid, gid = int(name), 0
    else:
        entry = _entry(etc / "passwd", name)
        uid, gid = int(entry[2]), int(entry[3])
    if group:
        gid = int(group) if group.isdecimal() else int(_entry(etc / "group", group)[2])
    for number in (uid, gid):
        # One more would be -1, which to setresuid(2) means "stay": root, in our case.
        if number > LAST_ID:
            raise LookupError(f"there is no user or group {number}")
    return uid, gid


def become(uid: int, gid: int) -> None:
    """Be this user for good, in no group but its own."""
    # In a user namespace of an ordinary user this is denied: see idmaps.write.
    if Path("/proc/self/setgroups").read_text() == "allow\n":
        syscalls.setgroups()
    syscalls.setgid(gid)
    syscalls.setuid(uid)


def _entry(file: Path, name: str) -> list[str]:
    for line in _read(file).split("\n"):
        fields = line.split(":")
        if name and fields[0] == name and len(fields) > 3:  # fewer: a broken line
            return fields
    raise LookupError(f"no {name!r} in the container's {file}")


def _read(file: Path) -> str:
    """Read a file, unless it is one that we would wait for, such as a FIFO."""
    return file.read_text() if file.is_file() else ""
