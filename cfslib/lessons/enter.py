"""The checks of 12-enter.

Answers go to a host: a process with namespaces, files and a root of its own, which is
no more than what they can be tried on.  Whatever moves there is a child.
"""

import inspect
import mmap
import os
import secrets
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts, namespaces, rootfs
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc, literal, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import Point, exercise, guard, scratch
from cfslib.lessons.guard import Stumbled, stumbled
from cfslib.lessons.guests import INTO

QUEUES = "/proc/sys/kernel/msgmni"  # a number that each IPC namespace has to itself
KEPT = 12345
LONGEST = 1 << 16  # bytes of what a child may say
HIGHEST = 300  # descriptors that are looked at
MOVE = {
    "FileNotFoundError": "The paths are the container's by now.  What you need of the "
    "host has to be open before; `namespaces.enter` sees to that.",
    "PermissionError": "USER comes first, or all of them in one call.",
    "ProcessLookupError": "A pid of the host's means nothing in there.  Enter all of "
    "them before the child is born.",
}


@dataclass(frozen=True)
class Host:
    """A process to be visited, and what is to be found there."""

    pid: int
    name: str
    desk: str  # a directory whose path exists inside and outside


@contextmanager
def host() -> Generator[Host]:
    """Keep a process with a world of its own for a `with` block.

    This forks: use it in a child.
    """
    name, desk = f"host-{secrets.token_hex(4)}", scratch.directory()
    for file in ("letter", "only-outside"):
        (desk / file).write_text("outside")
    reader, writer = os.pipe()
    maker = os.fork()
    if maker == 0:
        _be_a_host(name, f"{desk}", writer)
    os.close(writer)
    try:
        with open(reader, "rb") as told:
            if not (said := told.readline()):
                raise ChildProcessError("there is no host to visit: see `cfs doctor`")
        try:
            yield Host(int(said), name, f"{desk}")
        finally:
            os.kill(int(said), signal.SIGKILL)
    finally:
        os.waitpid(maker, 0)


def _be_a_host(name: str, desk: str, ready: int) -> NoReturn:
    """Be the maker of one, who waits; it ends with us."""
    try:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        idmaps.unshare_as_root(INTO & ~Namespace.USER)
        inside, outside = os.pipe()
        pid = os.fork()
        if pid == 0:
            syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
            _furnish(name, desk)
            os.write(outside, b"!")
            os.close(ready)
            signal.pause()
        os.close(outside)
        if os.read(inside, 1):
            os.write(ready, b"%d\n" % pid)
        os.close(ready)
        os.waitpid(pid, 0)
    finally:
        os._exit(1)


def _furnish(name: str, desk: str) -> None:
    """Have a name, a number and a root of our own."""
    mounts.keep_private()
    socket.sethostname(name)
    Path(QUEUES).write_text(f"{KEPT}")
    root = Path("/mnt")
    syscalls.mount("tmpfs", root, "tmpfs")
    here = root / desk.lstrip("/")
    here.mkdir(parents=True)
    (root / "proc").mkdir()
    (here / "letter").write_text("inside")
    (root / "link").symlink_to(f"{desk}/letter")
    (root / "way").symlink_to(desk)
    (root / "trap").symlink_to(f"{desk}/only-outside")
    mounts.proc(f"{root}/proc")
    rootfs.pivot(f"{root}")


@exercise("12-enter", 1, MOVE)
def check_visit(visit: Callable[[int, Callable[[], Any]], Any]) -> list[Point]:
    """Look if `visit(pid, func)` calls a function inside, and stays where it is."""
    return in_child(lambda: _visited(visit))


def _visited(visit: Callable[[int, Callable[[], Any]], Any]) -> list[Point]:
    before = _where()
    with host() as there:
        found = visit(there.pid, lambda: _seen(there))
    after = _where()
    seen = found if isinstance(found, dict) else {}
    return [
        Point(
            "what the function returns comes back",
            bool(seen),
            f"`visit` returned {found!r:.40}.  `in_child(func)` returns what `func` "
            "does: return that.",
        ),
        Point(
            "it sees the other host name",
            seen.get("name") == there.name,
            "namespaces.enter(INTO, pid) enters all five, in the child.",
        ),
        Point(
            "it sees the other's queues",
            seen.get("queues") == KEPT,
            "IPC is missing: INTO has it.",
        ),
        Point(
            "it sees the other's files, and none of ours",
            seen.get("letter") == "inside",
            "MNT is missing: INTO has it.",
        ),
        Point(
            "it is a process among those in there",
            seen.get("listed", False),
            "Who enters a PID namespace is not in it; the next child is.  So there are "
            "two children: one that enters, and its own, which calls `func`.",
        ),
        Point(
            "the caller has stayed where it was",
            before == after,
            "`visit` itself has moved.  Let a child enter: in_child(go).",
        ),
    ]


def _where() -> tuple[object, ...]:
    found = os.stat("/")
    return socket.gethostname(), found.st_dev, found.st_ino, os.getuid()


def _seen(there: Host) -> dict[str, Any]:
    """Return what a process sees that is, or is not, inside."""
    return {
        "name": socket.gethostname(),
        "queues": int(_read(QUEUES) or 0),
        "letter": _read(f"{there.desk}/letter"),
        "listed": _read("/proc/self/stat").startswith(f"{os.getpid()} "),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


@exercise("12-enter", 2)
def check_read_inside(read_inside: Callable[[int, str], str]) -> list[Point]:
    """Look if `read_inside(pid, path)` reads a file of theirs, and none of ours."""
    return in_child(lambda: _read_there(inspect.unwrap(read_inside)))


def _read_there(read_inside: Callable[[int, str], str]) -> list[Point]:
    with host() as there:
        letter = f"{there.desk}/letter"
        paths = {
            "plain": letter,
            "link": "/link",
            "way": "/way/letter",
            "up": f"/../..{letter}",
            "trap": "/trap",
        }
        read = {name: _tried(read_inside, there.pid, paths[name]) for name in paths}
        moved = in_child(lambda: _moves(lambda: read_inside(there.pid, letter)))
    return [
        Point(
            "it reads a file that is in there",
            read["plain"] == "inside",
            f"It returned {read['plain']!r:.40}.  Return text.  The path begins with "
            "`/`, and `a / b` of two paths is b then.",
        ),
        Point(
            "a link in there leads to a file in there",
            read["link"] == "inside",
            "It read ours: a link that begins with `/` starts at the root of whoever "
            "follows it.  Be in the container's MNT, or ask openat2 for IN_ROOT.",
        ),
        Point(
            "so does one to a directory on the way",
            read["way"] == "inside",
            "The last name of a path is not the only one that can be a link.",
        ),
        Point(
            "`..` leads nowhere else",
            read["up"] == "inside",
            "`/..` is `/` for whoever has that root.  From outside it is not.",
        ),
        Point(
            "what there is only outside is not found",
            isinstance(read["trap"], FileNotFoundError),
            f"`/trap` leads to a file that only we have, and you got "
            f"{read['trap']!r:.40}.",
        ),
        Point(
            "the caller has stayed where it was",
            not moved,
            "Let a child enter: in_child(go).",
        ),
    ]


def _tried(read: Callable[[int, str], str], pid: int, path: str) -> object:
    """Return what an answer reads; an error of a file is one, others are mistakes."""

    def reads() -> object:
        try:
            with guard.in_time(guard.SECONDS):
                return read(pid, path)
        except OSError as error:
            return error
        except (Exception, SystemExit, guard.TimeIsUp) as error:
            raise stumbled(error) from None

    return in_child(reads)


def _moves(action: Callable[[], object]) -> bool:
    """Do something; say whether it has moved us."""
    before = _where()
    try:
        action()
    except OSError:
        pass
    return _where() != before


@dataclass(frozen=True)
class _Luggage:
    """What a process has with it."""

    open: tuple[int, ...]
    closed: tuple[int, ...]  # of its three streams
    is_inside: bool
    can_be_read: bool


@exercise("12-enter", 3)
def check_unpack(unpack: Callable[[], object]) -> list[Point]:
    """Look which files of the host a process still has, after `unpack()`."""
    found = in_child(lambda: _unpacked(unpack))
    return [
        Point(
            "its `.` is a directory in there",
            found.is_inside,
            "Its `.` is the host's `/`.  os.chdir takes a path, and paths start at the "
            "container's root by now.",
        ),
        Point(
            "nothing of the host is open",
            not found.open,
            f"{_numbers(found.open)} still open.  libc.close_from(3) closes all that "
            "there are from 3 on; os.closerange(3, 1000) goes up to a number.",
        ),
        Point(
            "its three standard streams still are",
            not found.closed,
            "Begin with 3: 0, 1 and 2 are what the program reads and prints.",
        ),
        Point(
            "nobody inside may look into it",
            not found.can_be_read,
            "syscalls.prctl(Prctl.SET_DUMPABLE, 0) closes its files in /proc.",
        ),
    ]


def _numbers(fds: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, fds[:3]))
    return f"Descriptor {shown} is" if len(fds) == 1 else f"Descriptors {shown} are"


def _unpacked(unpack: Callable[[], object]) -> _Luggage:
    """Have somebody enter with too much luggage, and unpack; return what is left."""
    said = mmap.mmap(-1, LONGEST)  # because what a descriptor leads to may be closed
    _say(said, "ChildProcessError", "it has ended in `unpack`", "", 0)
    with host() as there:
        pid = os.fork()
        if pid == 0:
            _come(there.pid, unpack, said)
        os.waitpid(pid, 0)
    found = literal.read(said[:].rstrip(b"\0").decode())
    if isinstance(found[0], str):
        raise Stumbled(*found)
    return _Luggage(*found)


def _come(pid: int, unpack: Callable[[], object], said: mmap.mmap) -> NoReturn:
    try:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        outside = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        for number in (9, 77, HIGHEST - 1):
            os.dup2(outside, number)
        namespaces.enter(INTO & ~Namespace.PID, pid)
        os.fchdir(outside)
        unpack()
        _say(said, *_luggage())
    except Exception as error:
        told = error if isinstance(error, Stumbled) else stumbled(error)
        _say(said, told.kind, told.said, told.file, told.line, told.hints)
    finally:
        os._exit(0)


def _say(said: mmap.mmap, *values: object) -> None:
    said[:] = repr(values).encode().ljust(LONGEST, b"\0")


def _luggage() -> tuple[object, ...]:
    """Return what is left, as `_Luggage` has it."""
    there = {fd for fd in range(HIGHEST) if _is_open(fd)}
    try:
        is_inside = os.getcwd().startswith("/")
    except FileNotFoundError:
        is_inside = False
    return (
        tuple(sorted(there - {0, 1, 2})),
        tuple(sorted({0, 1, 2} - there)),
        is_inside,
        libc.prctl(GET_DUMPABLE, 0) == 1,
    )


GET_DUMPABLE = 3  # <linux/prctl.h>


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
