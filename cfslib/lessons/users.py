"""The checks of 06-users.

A learner's function runs in a child that is an ordinary user, whoever runs the
notebook.  What is wrong about it ends with that child.
"""

import fcntl
import os
import secrets
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, namespaces
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import Point, exercise
from cfslib.lessons.guard import Stumbled

InSomeWay = Callable[[int, Callable[[], object]], object]  # calls what it is given
UID, GID = 54321, 54322  # an ordinary user whom no machine has
NOBODY = 65534
NS_GET_PARENT = 0xB702  # ioctl_ns(2)
AS_USER = {
    "TypeError": "`as_user` is called with a number and a function.  in_child takes a "
    "function: in_child(inside), without calling it.",
}
IN_DEPTH = {
    "TypeError": "`in_depth` is called with a number and a function.",
}
SEEN_INSIDE = {
    "AttributeError": "An IdMap has `inside`, `outside` and `count`.",
}


def be_ordinary() -> None:
    """Give up root, if we have it, so that a call is answered to everybody alike."""
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(GID, GID, GID)
    os.setresuid(UID, UID, UID)
    # Or our files in /proc, uid_map among them, would still be root's.
    syscalls.prctl(Prctl.SET_DUMPABLE, 1)


@dataclass(frozen=True)
class Self:
    """Who a process is, and where."""

    uid: int
    gid: int
    users: tuple[IdMap, ...]
    groups: tuple[IdMap, ...]
    namespace: int


def myself() -> Self:
    """Look at this process."""
    users, groups = (tuple(idmaps.read_maps(kind)) for kind in ("uid", "gid"))
    where = namespaces.inode(Namespace.USER)
    return Self(os.geteuid(), os.getegid(), users, groups, where)


@exercise("06-users", 1, AS_USER)
def check_as_user(
    as_user: Callable[[int, Callable[[], object]], object],
) -> list[Point]:
    """Look if `as_user(number, func)` calls `func` as that user and group."""
    number = 1000 + secrets.randbelow(1000)

    def look() -> list[Point]:
        be_ordinary()
        before = myself()
        try:
            answer, after = as_user(number, myself), myself()
        except Stumbled as error:
            error.hints = (*error.hints, *_why_no_map(error.said))
            raise
        return _points_of(number, before, answer, after)

    return in_child(look)


def _why_no_map(said: str) -> list[str]:
    if "gid_map" in said:
        return ["Without `deny` in setgroups there is no gid_map: `idmaps.write`."]
    if "uid_map" in said:
        return [
            "Outside is your number from before the unshare; after it you are 65534."
        ]
    return []


def _points_of(number: int, before: Self, answer: object, after: Self) -> list[Point]:
    there = answer if isinstance(answer, Self) else None
    is_own = there is not None and there.namespace != before.namespace
    return [
        Point(
            "the result of `func` comes back",
            there is not None,
            "`return` twice: in what the child calls, and in `as_user`.",
        ),
        Point(
            "`func` ran in a user namespace of its own",
            is_own,
            "In the child, before `func`: `syscalls.unshare(Namespace.USER)`.",
        ),
        Point(
            "its user id was `number`",
            there is not None and there.uid == number,
            "The map says who you are: `IdMap(number, uid)`, inside comes first."
            if there is None or there.uid != NOBODY
            else "65534 is who has no place in the map: is it written before `func`?",
        ),
        Point(
            "its group id too",
            there is not None and there.gid == number,
            "Groups have a map of their own, with your group outside: `os.getgid()`.",
        ),
        Point(
            "outside it is you, and nobody else is mapped",
            there is not None
            and there.users == (IdMap(number, before.uid),)
            and there.groups == (IdMap(number, before.gid),),
            "One line, of one id: `IdMap(number, uid)`, and the same for groups.",
        ),
        Point(
            "you are where you were",
            after == before,
            "The unshare belongs into a child: `in_child(inside)`.",
        ),
    ]


@exercise("06-users", 2, IN_DEPTH)
def check_in_depth(in_depth: InSomeWay) -> list[Point]:
    """Look if `in_depth(levels, func)` calls `func` below so many user namespaces."""
    levels = 2 + secrets.randbelow(5)

    def look() -> list[Point]:
        be_ordinary()
        before = myself()
        answer, after = in_depth(levels, _stay), myself()
        pid, uid = answer if isinstance(answer, Left) else (0, None)
        depth = _depth(pid) if pid else 0
        if pid:
            os.kill(pid, signal.SIGKILL)
        return _points_of_depth(levels, depth, uid, before == after)

    return in_child(look)


def _points_of_depth(
    levels: int, depth: int, uid: int | None, is_back: bool
) -> list[Point]:
    return [
        Point(
            "the result of `func` comes back",
            uid is not None,
            "`return` twice: in what the child calls, and in `in_depth`.",
        ),
        Point(
            "you are where you were",
            is_back,
            "The unshares belong into a child: `in_child(inside)`.",
        ),
        Point(
            "`levels` user namespaces are around it, one in the other",
            depth == levels,
            f"There were {depth}.  Each unshare goes one deeper: once for each of "
            "`range(levels)`, all in the same child.",
        ),
        Point(
            "it is root in the last one",
            uid == 0,
            "A map for each level: `idmaps.unshare_as_root(Namespace.USER)`.",
        ),
    ]


class Left(NamedTuple):
    """A process that was left behind to be looked at, and who left it."""

    pid: int
    uid: int


def _stay() -> Left:
    """Leave a process behind that ends by itself, if nobody ends it."""
    pid = os.fork()
    if pid == 0:
        os.closerange(0, 1 << 12)  # or who waits for our answer would wait for it
        signal.alarm(10)
        signal.pause()
        os._exit(0)
    return Left(pid, os.geteuid())


def _depth(pid: int) -> int:
    """Return how many user namespaces there are from ours to that of a process."""
    ours, depth = namespaces.inode(Namespace.USER), 0
    place = os.open(namespaces.link(Namespace.USER, pid), os.O_RDONLY)
    while os.fstat(place).st_ino != ours:
        place, depth = fcntl.ioctl(place, NS_GET_PARENT), depth + 1
    return depth


@exercise("06-users", 3, SEEN_INSIDE)
def check_seen_inside(
    seen_inside: Callable[[int, Sequence[IdMap]], object],
) -> list[Point]:
    """Look if `seen_inside(outside, maps)` says what the kernel says of an owner."""
    number = 1000 + secrets.randbelow(1000)

    def look() -> list[Point]:
        be_ordinary()
        uid = os.geteuid()
        ours, roots = _owners_inside(number)
        maps = [IdMap(number, uid)]
        first = 200_000 + secrets.randbelow(1000)
        table = [IdMap(0, uid), IdMap(1, first, 10), IdMap(500, first + 10, 10)]
        asked = (uid, first, first + 4, first + 9, first + 10, first + 20)
        return _points_of_owners(
            (ours, roots),
            (seen_inside(uid, maps), seen_inside(0, maps)),
            [seen_inside(one, table) for one in asked],
        )

    return in_child(look)


def _points_of_owners(
    so: tuple[int, int], said: tuple[object, object], of_table: list[object]
) -> list[Point]:
    return [
        Point(
            "a file of yours, as the kernel says",
            said[0] == so[0],
            f"It said {said[0]!r}.  Look for the line with this `outside`, and return "
            "its `inside`.",
        ),
        Point(
            "a file of root's, as the kernel says",
            said[1] == so[1],
            f"It said {said[1]!r}.  Who is in no line is nobody: 65534.",
        ),
        Point(
            "the first, one in the middle and the last of a line with ten",
            of_table[1:4] == [1, 5, 10],
            "A line is `count` ids: how far is `outside` from where it begins?",
        ),
        Point(
            "the right one of three lines, and nobody after the last",
            [of_table[0], *of_table[4:]] == [0, 500, NOBODY],
            "Look at all lines.  The last id of one is `outside + count - 1`.",
        ),
    ]


def _owners_inside(number: int) -> tuple[int, int]:
    """Ask the kernel who, to somebody with this number, owns our file and root's."""

    def ask() -> tuple[int, int]:
        uid, gid = os.geteuid(), os.getegid()
        ours = os.memfd_create("ours")
        syscalls.unshare(Namespace.USER)
        idmaps.write("self", [IdMap(number, uid)], [IdMap(number, gid)])
        return os.fstat(ours).st_uid, os.stat("/").st_uid

    return in_child(ask)
