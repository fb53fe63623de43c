"""The checks of 06-users.

A learner's function runs in a child that is an ordinary user, whoever runs the
notebook.  What is wrong about it ends with that child.  What it calls sends us its user
namespace and a file that it made, so that we can look at both from outside.
"""

import fcntl
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, namespaces
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.lessons import Point, exercise, hostname
from cfslib.lessons.guard import Stumbled

InSomeWay = Callable[[int, Callable[[], object]], object]  # calls what it is given
UID, GID = 54321, 54322  # an ordinary user whom no machine has
NOBODY = 65534
NS_GET_PARENT = 0xB702  # ioctl_ns(2)
AS_USER = {
    "TypeError": "`as_user` is called with a number and a function.  in_child takes a "
    "function: in_child(inside), without calling it.  A map is a list: "
    'idmaps.write("self", [IdMap(...)], [IdMap(...)]).',
}
IN_DEPTH = {
    "TypeError": "`in_depth` is called with a number and a function.  in_child takes a "
    "function, and a loop a range: `range(levels)`.",
}
PARTS = "An IdMap has `inside`, `outside` and `count`; `maps` is a list of them."
SEEN_INSIDE = {
    "AttributeError": PARTS,
    "TypeError": PARTS,
    "StopIteration": "Who is in no line is nobody: next(..., 65534).",
}


def be_ordinary() -> None:
    """Give up root, if we have it, so that a call is answered to everybody alike."""
    hostname.be_ordinary(UID, GID)


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


class Witness:
    """What a learner's function is to call: it says who calls it, and shows us more."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)

    def __call__(self) -> Self:
        """Be what the learner's function calls, wherever it does so."""
        where = os.open(namespaces.link(Namespace.USER), os.O_RDONLY)
        socket.send_fds(self._theirs, [b"!"], [where, os.memfd_create("made")])
        return myself()

    def shown(self) -> list[tuple[int, int]]:
        """Return (user namespace, file that it made) of each call, as descriptors."""
        self._ours.setblocking(False)
        found = []
        with suppress(BlockingIOError):  # that was the last
            while True:
                _, (where, made), _, _ = socket.recv_fds(self._ours, 1, 2)
                found.append((where, made))
        return found


@exercise("06-users", 1, AS_USER)
def check_as_user(as_user: InSomeWay) -> list[Point]:
    """Look if `as_user(number, func)` calls `func` as that user and group."""
    number = 1000 + secrets.randbelow(1000)

    def look() -> list[Point]:
        be_ordinary()
        ours = os.memfd_create("ours")
        before, witness = myself(), Witness()
        try:
            answer, after = as_user(number, witness), myself()
        except Stumbled as error:
            error.hints = (*error.hints, *_why_no_map(error.said))
            raise
        owners = {_owner(made) for _, made in witness.shown()}
        is_us = owners == {_owner(ours)}
        return _points_of(number, before, answer, after, is_us=is_us)

    return in_child(look)


def _owner(file: int) -> tuple[int, int]:
    found = os.fstat(file)
    return found.st_uid, found.st_gid


def _why_no_map(said: str) -> list[str]:
    why = {
        "newuidmap": "One line for users and one for groups is all that it takes.",
        "gid_map": "Outside is your group from before the unshare: `os.getgid()`.  And "
        "without `deny` in setgroups there is no gid_map: `idmaps.write` sees to that.",
        "uid_map": "Outside is your number from before the unshare; after it you are "
        "65534.",
        "Invalid argument": "`number` needs a place in the map; before that, nobody "
        "can become it.",
    }
    return next(([hint] for word, hint in why.items() if word in said), [])


def _points_of(
    number: int, before: Self, answer: object, after: Self, *, is_us: bool
) -> list[Point]:
    there = answer if isinstance(answer, Self) else None
    is_own = there is not None and there.namespace != before.namespace
    maps = (there.users, there.groups) if there else ()
    counts = [sum(line.count for line in lines) for lines in maps]
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
            is_us and counts == [1, 1],
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
        before, witness = myself(), Witness()
        answer, after = in_depth(levels, witness), myself()
        depths = [_depth(where) for where, _ in witness.shown()]
        uid = answer.uid if isinstance(answer, Self) else None
        return _points_of_depth(levels, depths, uid, before == after)

    return in_child(look)


def _points_of_depth(
    levels: int, depths: list[int], uid: int | None, is_back: bool
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
            depths == [levels],
            _why_not_so_deep(depths),
        ),
        Point(
            "it is root in the last one",
            uid == 0,
            "A map for each level: `idmaps.unshare_as_root(Namespace.USER)`.",
        ),
    ]


def _why_not_so_deep(depths: list[int]) -> str:
    if len(depths) > 1:
        return "It was called more than once.  `func` comes once, after the loop."
    there_were = f"There were {depths[0]}.  " if depths else ""
    return (
        f"{there_were}Each unshare goes one deeper: once for each of `range(levels)`, "
        "all in the same child."
    )


def _depth(place: int) -> int:
    """Return how many user namespaces there are from ours to this one."""
    ours, depth = namespaces.inode(Namespace.USER), 0
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
        first = 200_000 + secrets.randbelow(1000)
        table = [IdMap(0, uid), IdMap(1, first, 10), IdMap(500, first + 10, 10)]
        asked = (uid, first, first + 4, first + 9, first + 10, first + 20)
        return _points_of_owners(
            (ours, roots),
            [seen_inside(one, [IdMap(number, uid)]) for one in (uid, 0)],
            [seen_inside(one, [*table]) for one in asked],
        )

    return in_child(look)


def _points_of_owners(
    so: tuple[int, int], said: list[object], of_table: list[object]
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
