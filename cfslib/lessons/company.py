"""lessons.company: processes to look at, which stay until they are sent away.

They end with their standard input, so none outlives the notebook.
"""

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from cfslib.isolation import idmaps
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe import sightings
from cfslib.observe.sightings import Sighting

PATIENCE = 10  # seconds for a program to start
FAMILY = frozenset({"first", "plain", "polite", "dead", "outer", "inner"})


class Company:
    """A program that is there between `come` and `go`; both may be called twice."""

    def __init__(self, line: str, names: frozenset[str]) -> None:
        self._line, self._names = line, names
        self._process: subprocess.Popen[bytes] | None = None

    def come(self) -> None:
        """Start it, and wait until all its processes are there and have their names."""
        if self._process and self._process.poll() is None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._line],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # or an interrupted cell would end it
        )
        end = time.monotonic() + PATIENCE
        while not self._names <= {seen.name for seen in self.members()}:
            if self._process.poll() is not None or time.monotonic() > end:
                self._say_why()
            time.sleep(0.005)

    def go(self) -> None:
        """End it."""
        if self._process:
            self._process.communicate()  # closes its standard input
        self._process = None

    def again(self) -> None:
        """Have it as it was at the start."""
        self.go()
        self.come()

    def members(self) -> list[Sighting]:
        """Return what is there now, from its first process in a new namespace on."""
        if not self._process:
            return []
        return [s for s in sightings.below(self._process.pid) if len(s.levels) > 1]

    def _say_why(self) -> NoReturn:
        assert self._process
        self._process.kill()
        _, said = self._process.communicate()
        self._process = None
        raise ChildProcessError(f"it did not start: {said.decode().strip()[-500:]}")


@functools.cache  # a cell that runs twice has the same guest, and not two
def container() -> Company:
    """Return a container of ours, in which `cat` waits for its input."""
    return Company(
        "from cfslib.cli import entry; entry.execute(['run', 'cat'])",
        frozenset({"cfs", "cat"}),
    )


@functools.cache
def family() -> Company:
    """Return a family in a PID namespace, one of them in a namespace further in."""
    return Company("from cfslib.lessons import company; company.live()", FAMILY)


def live() -> None:
    """Be the maker of the family, until there is no more input."""
    idmaps.unshare_as_root(Namespace.PID)
    first = _have("first", _be_first)
    sys.stdin.buffer.read()
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)  # when it is gone, all are


def _be_first() -> None:
    """PID 1: it has children, and neither handlers nor an eye on who has ended."""
    _have("plain", lambda: None)
    _have("polite", lambda: signal.signal(signal.SIGTERM, lambda *_: os._exit(0)))
    # It is left dead, and not waited for.
    os.waitid(os.P_PID, _have("dead", lambda: os._exit(0)), os.WEXITED | os.WNOWAIT)
    _have("outer", _have_a_world_of_its_own)


def _have_a_world_of_its_own() -> None:
    idmaps.unshare_as_root(Namespace.PID)
    _have("inner", lambda: None)


def _have(name: str, start: Callable[[], object]) -> int:
    """Have a child that is called `name`, starts like that, and then does nothing."""
    pid = os.fork()
    if pid == 0:
        try:
            syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
            syscalls.prctl(Prctl.SET_NAME, name)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python has a handler for it
            start()
            while True:
                signal.pause()
        finally:
            os._exit(1)
    return pid


def end_all(ancestor: int) -> int:
    """Kill every container that descends from a process; return how many there were."""
    running = sightings.containers(ancestor)
    for first in running:
        with suppress(ProcessLookupError):
            os.kill(first.pid, signal.SIGKILL)
    return len(running)
