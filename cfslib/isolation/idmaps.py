"""Id maps: who a user inside is outside.

In a user namespace every user id is a number that the kernel translates.  The
maps say how; root inside (0) can be an ordinary user outside:

    >>> str(IdMap(inside=0, outside=1000))
    '0 1000 1'
    >>> to_outside(7, [IdMap(0, 1000), IdMap(1, 100000, count=65536)])
    100006

Rules and file formats: user_namespaces(7), subuid(5), newuidmap(1).
"""

import posix as os
import pwd

from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class IdMap(Record):
    """`count` ids starting at `inside` are the ids starting at `outside`."""

    def __init__(self, inside: int, outside: int, count: int = 1) -> None:
        self.inside = inside
        self.outside = outside
        self.count = count

    def __str__(self) -> str:
        return f"{self.inside} {self.outside} {self.count}"


def parse_maps(text: str) -> "list[IdMap]":
    """Parse the text of /proc/PID/uid_map or gid_map."""
    return [IdMap(*map(int, line.split())) for line in text.split("\n") if line]


def read_maps(kind: str = "uid", pid: "int | str" = "self") -> "list[IdMap]":
    """Return the "uid" or "gid" map of a process."""
    return parse_maps(procfs.read(f"/proc/{pid}/{kind}_map"))


def in_initial_namespace() -> bool:
    """Say if we are in the user namespace that the machine started with."""
    return read_maps() == [IdMap(0, 0, 2**32 - 1)]


def to_outside(inside: int, maps: "Sequence[IdMap]") -> "int | None":
    """Return the id outside for one inside; None if it is nobody's."""
    for map_ in maps:
        if map_.inside <= inside < map_.inside + map_.count:
            return map_.outside + inside - map_.inside
    return None


def unshare_as_root(flags: int) -> None:
    """Unshare `flags` with a new user namespace, and be root in it."""
    # From the next line on we are "nobody" (65534) until the maps are written.
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(Namespace.USER | flags)
    write("self", [IdMap(0, uid)], [IdMap(0, gid)])


def write(
    pid: "int | str", users: "Sequence[IdMap]", groups: "Sequence[IdMap]"
) -> None:
    """Tell the kernel who is who in the user namespace of `pid`.

    One id, our own, anybody may map.  For more, newuidmap(1) asks /etc/subuid.
    """
    is_one = sum(map_.count for map_ in users) == 1
    if not is_one and os.geteuid() != 0:
        _ask_newidmap("newuidmap", pid, users)
        _ask_newidmap("newgidmap", pid, groups)
        return
    # The kernel takes gid_map from an ordinary user only after this: being able
    # to drop a group could open a file that the group is being kept out of.
    if is_one:
        syscalls.write(f"/proc/{pid}/setgroups", "deny")
    # Each file takes one write, ever, so all the lines go in together.
    syscalls.write(f"/proc/{pid}/uid_map", "\n".join(map(str, users)))
    syscalls.write(f"/proc/{pid}/gid_map", "\n".join(map(str, groups)))


def many(kind: str, etc: "str | Path" = "/etc") -> "list[IdMap]":
    """Return a map of our own id and the ids we own in /etc/subuid or subgid.

    `kind` is "uid" or "gid".  Raise PermissionError if we own none.
    """
    ours = os.getuid() if kind == "uid" else os.getgid()
    maps = [IdMap(0, ours)]
    for start, count in _owned(f"{etc}/sub{kind}", _names_of_user()):
        maps.append(IdMap(maps[-1].inside + maps[-1].count, start, count))
    program = f"new{kind}map"
    if not _is_installed(program):
        raise _only_one(kind, f"install {program} (package uidmap)")
    if len(maps) == 1:
        raise _only_one(kind, f"no line for us in {etc}/sub{kind}")
    return maps


def _only_one(kind: str, why: str) -> PermissionError:
    error = PermissionError(f"only one {kind} is ours to give")
    error.add_note(f"Hint: {why}; or be yourself: `--userns keep-id`, or `-u 0`.")
    return error


def make(users: "Sequence[IdMap]", groups: "Sequence[IdMap]") -> int:
    """Return a descriptor of a new user namespace with these maps, and nobody in it.

    This forks: use it in a child.
    """
    reader, writer = os.pipe()
    pid = syscalls.clone(Namespace.USER)
    if pid == 0:
        try:
            os.close(writer)
            os.read(reader, 1)  # until nobody has the other end any more
        finally:
            os._exit(0)
    try:
        write(pid, users, groups)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(reader)
        os.close(writer)
        os.waitpid(pid, 0)


def _owned(file: str, names: "set[str]") -> "list[tuple[int, int]]":
    """Return (start, count) of each range that a file like /etc/subuid gives us."""
    try:
        lines = [line.split(":") for line in procfs.read(file).split("\n")]
    except FileNotFoundError:
        return []
    ours = [line[1:] for line in lines if len(line) == 3 and line[0] in names]
    # One may stand there twice, by name and by number, and the kernel takes it once.
    ranges = [(int(it[0]), int(it[1])) for it in ours if _is_range(*it)]
    return list(dict.fromkeys(ranges))


def _is_range(start: str, count: str) -> bool:
    """Say if these are numbers, and not none at all; newuidmap(1) takes no others."""
    are_numbers = all(text.isascii() and text.isdecimal() for text in (start, count))
    return are_numbers and int(count) > 0


def _names_of_user() -> "set[str]":
    names = {str(os.getuid())}
    try:
        names.add(pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:
        pass  # a user id need not have a name
    return names


def _is_installed(program: str) -> bool:
    import os  # here, because hardly any container has more than one user

    path = os.environ.get("PATH", os.defpath)
    return any(os.access(f"{place}/{program}", os.X_OK) for place in path.split(":"))


def _ask_newidmap(program: str, pid: "int | str", maps: "Sequence[IdMap]") -> None:
    if str(pid) in ("self", os.readlink("/proc/self")):
        raise _inside_already(program)
    numbers = [number for map_ in maps for number in str(map_).split()]
    reader, writer = os.pipe()
    child = os.posix_spawnp(
        program,
        [program, str(pid), *numbers],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, stream) for stream in (1, 2)],
    )
    os.close(writer)
    with open(reader) as pipe:
        said = pipe.read()
    try:
        _, status = os.waitpid(child, 0)
    except ChildProcessError:  # our caller ignores SIGCHLD
        status = len(said)
    if status != 0:
        why = said.strip().removeprefix(f"{program}: ") or "it failed, and says nothing"
        raise PermissionError(f"{program}: {why}")


def _inside_already(program: str) -> PermissionError:
    """Return the error for a process that wants more than one id for itself."""
    # A setuid program is one only where its owner, root, has a number.
    error = PermissionError(f"{program} cannot become root in our user namespace")
    error.add_note("Hint: ask from outside, for the pid of a child that has unshared.")
    return error
