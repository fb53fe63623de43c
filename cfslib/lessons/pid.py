"""lessons.pid: the checks of notebook 02."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import Point, verdict
from cfslib.runtime import init

T = TypeVar("T")

PATIENCE = 5  # seconds until an answer that never ends is killed
MOMENT = 2  # seconds in which a process has ended that is told to; wrong answers wait
TERMINATED = 143  # how a shell shows an end by SIGTERM: 128 + 15


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


def check_reap_all(reap_all: Callable[[], Iterable[int]]) -> None:
    """Check exercise 1: a function with which PID 1 waits for everybody."""

    def look() -> tuple[object, list[str]]:
        _family()
        answer = reap_all()
        return answer, [procfs.status(pid)["State"][0] for pid in _others()]

    answer, left = as_pid_1(look)
    pids = list(answer) if isinstance(answer, Iterable) else []
    verdict(
        Point(
            "no zombie is left",
            "Z" not in left,
            "Each os.waitpid(-1, 0) takes one dead child away.  Call it in a loop.",
        ),
        Point(
            "nobody is still alive",
            not [state for state in left if state != "Z"],
            "Go on until ChildProcessError says that there are no more children: "
            "orphans become children of PID 1 while it waits.",
        ),
        Point(
            "the pids of all four are returned, each once",
            sorted(map(str, pids)) == ["2", "3", "4", "5"],
            "os.waitpid returns (pid, status).  Collect the pids in a list.",
        ),
        of=("02-pid", 1),
    )


def _family() -> None:
    """Have three children, one quick, one slow, one that leaves an orphan."""
    _fork_and(lambda: None)
    _fork_and(lambda: time.sleep(0.1))
    _fork_and(lambda: _fork_and(lambda: time.sleep(0.2)))
    # Go on when the last one is an orphan.  WNOWAIT looks, and takes nobody away.
    os.waitid(os.P_PID, 4, os.WEXITED | os.WNOWAIT)


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

    too_soon: bool
    by_itself: bool
    code: int


def check_obey(obey: Callable[[], object]) -> None:
    """Check exercise 2: a function after which PID 1 ends on SIGTERM."""
    in_child(lambda: _try_out(obey))
    end = in_child(lambda: _terminated(obey))
    verdict(
        Point(
            "PID 1 runs until it is told to end",
            not end.too_soon,
            "`obey` only prepares: it installs a handler and returns.",
        ),
        Point(
            "a SIGTERM from outside ends it",
            not end.too_soon and end.by_itself,
            "PID 1 gets only signals that it has a handler for, and the handler has "
            "to end the process.",
        ),
        Point(
            f"its exit code is {TERMINATED}",
            end.code == TERMINATED,
            f"End with that code: sys.exit({TERMINATED}) or os._exit({TERMINATED}).",
        ),
        of=("02-pid", 2),
    )


def _try_out(obey: Callable[[], object]) -> None:
    """Call it where an error is reported, and where waiting for ever is not."""
    signal.alarm(1)
    with suppress(SystemExit):
        obey()


def _terminated(obey: Callable[[], object]) -> _End:
    """Make a PID 1 that obeys, and tell it to end."""
    idmaps.unshare_as_root(Namespace.PID)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _obey_and_wait(obey, writer)
    os.close(writer)
    too_soon = not os.read(reader, 1)
    pidfd = os.pidfd_open(pid)
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    by_itself = pidfd in select.select([pidfd], [], [], MOMENT)[0]
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return _End(too_soon, by_itself, init.shell_code(status))


def _obey_and_wait(obey: Callable[[], object], ready: int) -> NoReturn:
    code: object = 0
    try:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        obey()
        os.write(ready, b"!")
        while True:
            signal.pause()
    except SystemExit as end:
        code = end.code
    finally:
        os._exit(code if isinstance(code, int) else 1)
