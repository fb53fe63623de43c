"""lessons.hostname: the checks of notebook 01, and a neighbour to visit."""

import os
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
from cfslib.lessons import Point, verdict

NOBODY = 65534  # the user that owns nothing; see user_namespaces(7)


def be_ordinary() -> None:
    """Give up root, if we have it, so that a call is refused to everybody alike."""
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    # A process that changed its user finds its /proc files, uid_map among them,
    # closed.  One that has been this user all along does not.
    syscalls.prctl(Prctl.SET_DUMPABLE, 1)


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


def check_named(named: Callable[[str, Callable[[], object]], object]) -> None:
    """Check exercise 1: a function that calls another under a host name."""
    name = f"box-{secrets.token_hex(2)}"

    def look() -> tuple[Place, object, Place]:
        be_ordinary()
        before = here()
        return before, named(name, here), here()

    before, inside, after = in_child(look)
    arrived = inside if isinstance(inside, Place) else None
    verdict(
        Point(
            "the result of `func` comes back",
            arrived is not None,
            "Call `func` in a child, and `return` what `in_child` brings back.",
        ),
        Point(
            "`func` ran in a UTS namespace of its own",
            arrived is not None and arrived.uts != before.uts,
            "In the child, before `func`: idmaps.unshare_as_root(Namespace.UTS).",
        ),
        Point(
            "the machine had the new name there",
            arrived is not None and arrived.hostname == name,
            "Set the name after the unshare and before `func`, in the same process.",
        ),
        Point(
            "the caller kept its namespace and its name",
            after == before,
            "An unshare cannot be undone: leave it to a child.",
        ),
        of=("01-hostname", 1),
    )


def check_repaint(repaint: Callable[[int, str], object]) -> None:
    """Check exercise 2: a function that renames the machine of another process."""
    old, new = f"door-{secrets.token_hex(2)}", f"door-{secrets.token_hex(2)}"

    def look() -> tuple[Place, object, Place, str]:
        be_ordinary()
        with neighbour(old) as pid:
            # In a child, so that we stay here even if the answer moves its caller.
            before, told, after = in_child(lambda: (here(), repaint(pid, new), here()))
            return before, told, after, in_child(lambda: _name_at(pid))

    before, told, after, found = in_child(look)
    verdict(
        Point(
            "the machine of the neighbour has the new name",
            found == new,
            "namespaces.enter(...) moves a process into the namespaces of another; "
            "set the name when you are there.",
        ),
        Point(
            "`repaint` returned the old name",
            told == old,
            "Ask socket.gethostname() when you are there, before you change it.",
        ),
        Point(
            "the caller stayed where it was",
            after == before,
            "setns cannot be undone: leave it to a child.",
        ),
        of=("01-hostname", 2),
    )


def _name_at(pid: int) -> str:
    namespaces.enter(Namespace.USER | Namespace.UTS, pid)
    return socket.gethostname()
