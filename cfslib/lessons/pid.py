"""lessons.pid: the checks of notebook 02."""

import functools
import mmap
import os
import pickle
import reprlib
import secrets
import select
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import Point, exercise
from cfslib.lessons.guard import Stumbled, stumbled
from cfslib.observe import sightings
from cfslib.runtime import init

T = TypeVar("T")

PATIENCE = 10  # seconds until a PID 1 that never ends is killed
MOMENT = 2  # seconds in which a process has ended that is told to; wrong answers wait
BLINK = 0.05  # seconds; a handler of Python's may wait this long
TERMINATED = 143  # how a shell shows an end by SIGTERM: 128 + 15
READY = b"!"
LONGEST = 1 << 16  # bytes that a pipe holds

# What usually helps if an answer stumbles over such an error.
WAIT = {
    "ChildProcessError": "So the kernel says that no child is left.  That is the end "
    "of your loop: catch it.",
}
HANDLER = {
    "OSError": "SIGKILL and SIGSTOP take no handler, in any process.  SIGTERM does.",
    "TypeError": "signal.signal takes a signal and a function.  That one is called "
    "with two arguments: the number of the signal, and a frame.",
    "SystemExit": "This ends PID 1 now.  Give signal.signal a function that does so "
    "later.",
}


def as_pid_1(func: Callable[[], T]) -> T:
    """Call `func` as PID 1 of a new PID namespace, with a /proc that shows it."""

    def first() -> T:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        mounts.keep_private()
        mounts.proc(Path("/proc"))
        return func()

    def outside() -> T:
        signal.alarm(PATIENCE)
        idmaps.unshare_as_root(Namespace.PID | Namespace.MNT)
        return in_child(first)

    return in_child(outside)


@exercise("02-pid", 1, WAIT)
def check_reap_all(reap_all: Callable[[], Iterable[int]]) -> list[Point]:
    """Check exercise 1: a function with which PID 1 waits for everybody."""
    size = _size()

    def look() -> list[Point]:
        by_itself = _have_family(size)
        answer = reap_all()
        pids = list(answer) if isinstance(answer, Iterable) else []
        left = [procfs.status(pid)["State"][0] for pid in _others()]
        return [
            Point(
                "no zombie is left",
                "Z" not in left,
                "Each os.waitpid(-1, 0) takes one dead child away.  Call it in a loop.",
            ),
            Point(
                "nobody is still alive, and nobody was killed",
                not left and bool(by_itself[0]),
                "Wait for the slow ones as well, and do not count.  Orphans become "
                "children of PID 1 while it waits.  ChildProcessError says that "
                "nobody is left.",
            ),
            Point(
                "the pids of all of them are returned, each once",
                sorted(pids, key=repr) == sorted(range(2, size + 2), key=repr),
                f"It returned {reprlib.repr(answer)}.  os.waitpid returns two things, "
                "the pid and the status.  Collect the pids in a list, and return that.",
            ),
        ]

    return as_pid_1(look)


def _size() -> int:
    return 5 + secrets.randbelow(5)  # different ones, or an answer might count


def _have_family(size: int) -> mmap.mmap:
    """Have `size` descendants, the last of them an orphan that outlives the others.

    The byte that is returned is 1 when that one has come to its own end.
    """
    shared = mmap.mmap(-1, 1)

    def outlive() -> None:
        while len(_others()) > 1:  # somebody besides PID 1
            time.sleep(0.01)
        shared[0] = 1

    for number in range(size - 2):
        _fork_and(functools.partial(time.sleep, number / 20))
    _fork_and(lambda: _fork_and(outlive))
    # Go on when the last one is an orphan.  WNOWAIT looks, and takes nobody away.
    os.waitid(os.P_PID, size, os.WEXITED | os.WNOWAIT)
    return shared


def _fork_and(func: Callable[[], None]) -> None:
    if os.fork() == 0:
        try:
            func()
        finally:
            os._exit(0)


def _others() -> list[int]:
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if pid != os.getpid()]


@dataclass(frozen=True)
class _End:
    """How PID 1 ended, as seen from outside."""

    was_ready: bool  # `obey` had returned, and PID 1 waited
    had_handler: bool
    by_itself: bool  # it was not we who killed it
    code: int


@exercise("02-pid", 2, HANDLER)
def check_obey(obey: Callable[[], object]) -> list[Point]:
    """Check exercise 2: a function after which PID 1 ends on SIGTERM."""
    end = in_child(lambda: _terminated(obey))
    return [
        Point(
            "`obey` returns at once, and PID 1 goes on",
            end.was_ready,
            "`obey` only prepares: it installs a handler and returns.  It neither "
            "waits nor ends.",
        ),
        Point(
            "a SIGTERM from outside ends PID 1",
            end.was_ready and end.by_itself,
            "It has a handler, and went on.  The handler has to end it: `return "
            f"{TERMINATED}` does not, and a signal to itself is dropped again."
            if end.had_handler
            else "It has no handler for SIGTERM, and SIG_DFL and SIG_IGN are none: "
            "signal.signal(signal.SIGTERM, ...) takes a function of yours.",
        ),
        Point(
            f"its exit code is {TERMINATED}",
            end.code == TERMINATED,
            f"It was {end.code}.  In the handler: sys.exit({TERMINATED}).",
        ),
    ]


def _terminated(obey: Callable[[], object]) -> _End:
    """Make a PID 1 that obeys, and tell it to end."""
    idmaps.unshare_as_root(Namespace.PID)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _obey_and_wait(obey, writer)
    os.close(writer)
    with open(reader, "rb", buffering=0) as said, open(os.pidfd_open(pid)) as end:
        told = said.read(LONGEST) if _comes(said, MOMENT) else b""
        was_ready = told == READY
        seen = sightings.look(pid)
        signal.pidfd_send_signal(end.fileno(), signal.SIGTERM)
        by_itself = _comes(end, MOMENT)
        signal.pidfd_send_signal(end.fileno(), signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if was_ready:
            told = said.read()  # what its handler stumbled over
        if told:
            raise pickle.loads(told)
    had_handler = seen is not None and seen.catches(signal.SIGTERM)
    return _End(was_ready, had_handler, by_itself, init.shell_code(status))


def _comes(file: IO[Any], seconds: float) -> bool:
    return bool(select.select([file], [], [], seconds)[0])


def _obey_and_wait(obey: Callable[[], object], say: int) -> NoReturn:
    """Be PID 1; say when it is ready, and what the answer stumbles over."""
    code: object = 1
    try:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        obey()
        os.write(say, READY)
        # pause() would sleep on if the signal came just before it: Python's handler
        # waits until it returns.
        while True:
            time.sleep(BLINK)
    except SystemExit as end:
        code = end.code or 0
    except Exception as error:
        told = error if isinstance(error, Stumbled) else stumbled(error)
        os.write(say, pickle.dumps(told))
    finally:
        os._exit(code if isinstance(code, int) else 1)
