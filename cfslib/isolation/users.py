"""users: who the command runs as.

`--user` takes numbers, UID or UID:GID, or a name from the container's own
/etc/passwd.  The rest is as in Docker: whoever is in passwd has the group and the home
that are written there, and is in the groups of /etc/group that name this user, unless
GROUP was typed.

Both files are read as text: the C library's look-up would load modules from the
container's root, which is not to be trusted with the rights of PID 1.
"""

import posix
import stat

from cfslib.kernel import libc, procfs, program, syscalls
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LAST_ID = 2**32 - 2
MOST = 4 << 20  # bytes of passwd or group; a hostile one may have no end
DIGITS = 10  # as many as it has


class User(Record):
    """Who a process is, in numbers."""

    def __init__(
        self, uid: int, gid: int, groups: "Sequence[int]" = (), home: str = "/"
    ) -> None:
        self.uid = uid
        self.gid = gid
        self.groups = groups  # beside `gid`
        self.home = home


def look_up(user: str, added: "Sequence[str]" = (), etc: "str | Path" = "/etc") -> User:
    """Return who is meant by what `--user` and `--group-add` were given.

    Raise LookupError if passwd or group has no such name, or nobody such a number.
    """
    name, _, group = user.partition(":")
    entry = _entry(name, _users(etc))
    if entry:
        uid, gid, home = int(entry[2]), int(entry[3]), "".join(entry[5:6])
    else:  # a number needs no entry
        uid, gid, home = _number(name, f"{etc}/passwd"), 0, ""
    groups = [_group(one, etc) for one in added]
    if group:
        gid = _group(group, etc)
    elif entry:
        groups += [int(g[2]) for g in _groups(etc) if entry[0] in g[3].split(",")]
    return User(uid, gid, tuple(sorted(set(groups))), home or "/")


def may_leave_groups(pid: "int | str" = "self") -> bool:
    """Say if the kernel lets a process: not in a user namespace of an ordinary user.

    See `idmaps.write`.  Ask while /proc is the host's.
    """
    return procfs.read(f"/proc/{pid}/setgroups") == "allow\n"


def join_groups(user: User, *, leave_groups: bool = True) -> None:
    """Be in the groups of this user for good, and in these alone if we may."""
    if leave_groups:
        syscalls.setgroups(user.groups)
    syscalls.setgid(user.gid)


def become(user: User) -> None:
    """Be this user for good."""
    syscalls.setuid(user.uid)
    if posix.getuid() != user.uid:  # a filter of calls may say what was never done
        raise PermissionError(f"setuid({user.uid}) was answered, but not done")


def _group(group: str, etc: "str | Path") -> int:
    """Return the number of a group."""
    entry = _entry(group, _groups(etc))
    return int(entry[2]) if entry else _number(group, f"{etc}/group")


def _number(text: str, file: str) -> int:
    """Return the number of somebody who is not in a file."""
    if not _is_number(text):
        raise LookupError(f"no {text!r} in the container's {file}")
    if not _is_id(text):
        raise LookupError(f"there is no user or group {text}")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()  # there are digits in other scripts


def _is_id(text: str) -> bool:
    # One more would be -1, which to setresuid(2) means "stay": root, in our case.
    return _is_number(text) and len(text) <= DIGITS and int(text) <= LAST_ID


def _entry(wanted: str, entries: "list[list[str]]") -> "list[str] | None":
    """Return the first entry with this number or name."""
    field = 2 if _is_number(wanted) else 0
    for entry in entries:
        if wanted and entry[field] == wanted:
            return entry
    return None


def _users(etc: "str | Path") -> "list[list[str]]":
    """Return the lines of passwd, in fields; a broken one is none."""
    lines = _lines(f"{etc}/passwd")
    return [line for line in lines if _is_id(line[2]) and _is_id(line[3])]


def _groups(etc: "str | Path") -> "list[list[str]]":
    return [line for line in _lines(f"{etc}/group") if _is_id(line[2])]


def _lines(file: str) -> "list[list[str]]":
    lines = [line.split(":") for line in _read(file).split("\n")]
    return [line for line in lines if len(line) > 3 and "\0" not in "".join(line)]


def _read(file: str) -> str:
    """Read a file of the container's; raise an `OSError` that names it."""
    try:
        return _text_of(file)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        error.filename = file
        raise


def _text_of(file: str) -> str:
    """Return the text of a file, unless it is another kind, such as a FIFO."""
    flags = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOCTTY
    fd = libc.openat2(file, flags, program.NO_MAGIC_LINKS)
    try:
        is_file = stat.S_ISREG(posix.fstat(fd).st_mode)
        return procfs.text_of(fd, MOST) if is_file else ""
    finally:
        posix.close(fd)
