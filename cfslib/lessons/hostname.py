"""lessons.hostname: the checks of notebook 01, and a neighbour to visit."""

import os
import reprlib
import secrets
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import Point, exercise

# What usually helps if an answer stumbles over such an error.
NAMED = {
    "TypeError": "`named` is called with a name and a function.  in_child takes a "
    "function: in_child(inside), without calling it.",
}
REPAINT = {
    "TypeError": "in_child takes a function: in_child(there), without calling it.  "
    "namespaces.enter takes two things: which ones, and the pid.",
    "ArgumentError": "namespaces.enter(which, pid): several kinds are joined with |, "
    "as in Namespace.USER | Namespace.UTS.",
    "ProcessLookupError": "namespaces.enter(which, pid): the pid comes last.",
    "PermissionError": "The name belongs to a UTS namespace, and that to a user "
    "namespace.  From where you are, enter both in one call, as `move_in` does.",
}

NOBODY = 65534  # the user that owns nothing; see user_namespaces(7)


def be_ordinary(uid: int = NOBODY, gid: int = NOBODY) -> None:
    """Give up root, if we have it, so that a call is refused to everybody alike."""
    if os.geteuid() != 0:
        return
    _check_that_there_are(uid, gid)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    # A process that changed its user finds its /proc files, uid_map among them,
    # closed.  One that has been this user all along does not.
    syscalls.prctl(Prctl.SET_DUMPABLE, 1)


def _check_that_there_are(uid: int, gid: int) -> None:
    for kind, number in ("uid", uid), ("gid", gid):
        if idmaps.to_outside(number, idmaps.read_maps(kind)) is None:
            error = PermissionError(
                f"root here cannot give up: there is no {kind} {number}"
            )
            error.add_note(
                "Hint: start JupyterLab outside of `unshare -r`, or as yourself."
            )
            raise error


@contextmanager
def neighbour(name: str) -> Generator[int]:
    """Keep a process with a host name of its own for a `with` block; yield its pid.

    This forks: use it in a child.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _live_next_door(name, writer)
    os.close(writer)
    try:
        if not os.read(reader, 1):
            raise ChildProcessError("the neighbour could not get a name of its own")
        yield pid
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _live_next_door(name: str, ready: int) -> NoReturn:
    try:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        idmaps.unshare_as_root(Namespace.UTS)
        syscalls.sethostname(name)
        os.write(ready, b"!")
        signal.pause()
    finally:
        os._exit(0)


@dataclass(frozen=True)
class Place:
    """Where a process is: the name of the machine there, and its UTS namespace."""

    hostname: str
    uts: int


def here() -> Place:
    """Look around."""
    return Place(socket.gethostname(), namespaces.inode(Namespace.UTS))


@exercise("01-hostname", 1, NAMED)
def check_named(named: Callable[[str, Callable[[], object]], object]) -> list[Point]:
    """Check exercise 1: a function that calls another under a host name."""
    name = f"box-{secrets.token_hex(2)}"

    def look() -> list[Point]:
        be_ordinary()
        before, answer, after = here(), named(name, here), here()
        there = answer if isinstance(answer, Place) else None
        return [
            Point(
                "the result of `func` comes back",
                there is not None,
                f"It returned {reprlib.repr(answer)}.  Call `func` in a child.  Then "
                "`return` twice: in what the child calls, and in `named`.",
            ),
            Point(
                "`func` ran in a UTS namespace of its own",
                there is not None and there.uts != before.uts,
                "In the child, before `func`: idmaps.unshare_as_root(Namespace.UTS).",
            ),
            Point(
                "the machine had the new name there",
                there is not None and there.hostname == name,
                "syscalls.sethostname(name) comes after the unshare and before `func`, "
                "in the same child.",
            ),
            Point(
                "the caller kept its namespace and its name",
                after == before,
                "Who calls unshare has moved, and its caller with it.  Let a child do "
                "it: give in_child a function.",
            ),
        ]

    return in_child(look)


@exercise("01-hostname", 2, REPAINT)
def check_repaint(repaint: Callable[[int, str], object]) -> list[Point]:
    """Check exercise 2: a function that renames the machine of another process."""
    old, new = f"door-{secrets.token_hex(2)}", f"door-{secrets.token_hex(2)}"

    def call(pid: int) -> list[Point]:
        before, answer, after = here(), repaint(pid, new), here()
        return [
            Point(
                "`repaint` returned the old name",
                answer == old,
                f"It returned {reprlib.repr(answer)}.  Ask socket.gethostname() when "
                "you are there, before you change the name, and `return` it twice.",
            ),
            Point(
                "the caller stayed where it was",
                after == before,
                "Who calls setns has moved, and its caller with it.  Let a child do "
                "it: give in_child a function.",
            ),
        ]

    def look() -> list[Point]:
        be_ordinary()
        with neighbour(old) as pid:
            # In a child, so that we stay here even if the answer moves its caller.
            points = in_child(lambda: call(pid))
            painted = in_child(lambda: _name_at(pid)) == new
        hint = (
            "In the child: namespaces.enter(...), as in `move_in`, then set the name."
        )
        return [
            Point("the neighbour's machine has the new name", painted, hint),
            *points,
        ]

    return in_child(look)


def _name_at(pid: int) -> str | None:
    try:
        namespaces.enter(Namespace.USER | Namespace.UTS, pid)
    except OSError:
        return None  # the answer has ended the neighbour, and nobody lives there
    return socket.gethostname()
