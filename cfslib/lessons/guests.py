"""guests: containers that go on for as long as a notebook's kernel lives.

And one who visits them by hand, without any care, so that a process inside can look at
what he has brought along.
"""

import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NoReturn

from cfslib.children.in_child import in_child
from cfslib.isolation import namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe import sightings
from cfslib.runtime import places, register
from cfslib.runtime.running import Running
from cfslib.runtime.state import State

INTO = (
    Namespace.USER | Namespace.UTS | Namespace.IPC | Namespace.PID | Namespace.MNT
)  # those that a container has to itself, but for CGROUP
PATIENCE = 10  # seconds for a program to start
# What becomes of our containers at our end, whatever that is.
_GUARD = """cat
cfs() { "$python" -m cfslib.cli.entry "$@"; }
python=$1
for id in $(cfs ps -aq); do cfs rm -f "$id"; done
rm -rf "$0"
"""
_guards: list[subprocess.Popen[bytes]] = []


@functools.cache  # a cell that runs twice has the same place
def settle() -> None:
    """Have a place of our own for containers that go on; none outlives this process.

    A shell waits for the end of its standard input, which is ours.
    """
    place = tempfile.mkdtemp(prefix="cfs-")
    os.environ[places.VARIABLE] = place
    path = os.pathsep.join(sys.path)
    _guards.append(
        subprocess.Popen(
            ["sh", "-c", _GUARD, place, sys.executable],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # or what ends us by our group ends it, too
        )
    )


def every() -> list[Running]:
    """Return all containers of this place."""
    place = places.directory(os.environb)
    return [Running(state) for state in register.every(place)]


def command(container: Running) -> int:
    """Return the pid of a container's command, as we see it."""
    pid1 = first(container)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if below := sightings.below(pid1):
            return below[0].pid
        time.sleep(0.005)
    raise ProcessLookupError(f"{container.name} has no command")


def first(container: Running) -> int:
    """Return the pid of a container's PID 1, as we see it."""
    found = State(places.directory(os.environb), container.id).pid1()
    if not found:
        raise ProcessLookupError(f"{container.name} does not run")
    return found.pid


# One who visits without care


def spied(
    container: Running, prepare: Callable[[], object], files: tuple[str, ...]
) -> dict[str, str]:
    """Return what a process inside can read of a visitor, by files in /proc/PID.

    He enters by hand, has a child inside, and that prepares itself and waits.
    """
    return in_child(lambda: _spied(container, prepare, files))


def _spied(
    container: Running, prepare: Callable[[], object], files: tuple[str, ...]
) -> dict[str, str]:
    with visitor(command(container), prepare) as pid:
        number = procfs.pids_on_each_level(pid)[-1]
        done = container.exec(["sh", "-c", _LOOK, f"/proc/{number}", *files])
    return {
        file: _meant(said)
        for file, said in zip(files, done.stdout.splitlines(), strict=True)
    }


_LOOK = """for file do
    head -c 1 "$0/$file" 2>&1 >/dev/null && stat -L -c %d:%i "$0/$file"
done"""


def _meant(said: str) -> str:
    """Return what a process inside has found: an error, or which file it is."""
    if not said.replace(":", "").isdigit():
        return said.rpartition(": ")[2]
    return "the host's Python" if said == _python() else "can be read"


def _python() -> str:
    found = os.stat("/proc/self/exe")
    return f"{found.st_dev}:{found.st_ino}"


@contextmanager
def visitor(pid: int, prepare: Callable[[], object]) -> Generator[int]:
    """Keep one inside for a `with` block who came without care; yield his pid here.

    This forks: use it in a child.
    """
    reader, writer = os.pipe()
    going = os.fork()
    if going == 0:
        _visit(pid, prepare, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as told:
            said = {told.readline(), told.readline()} - {b"ready\n"}
        if len(said) != 1 or not (number := said.pop().strip()):
            raise ChildProcessError("the visitor did not arrive")
        try:
            yield int(number)
        finally:
            os.kill(int(number), signal.SIGKILL)
    finally:
        os.waitpid(going, 0)  # until nobody inside can see him any more


def _visit(pid: int, prepare: Callable[[], object], say: int) -> NoReturn:
    """Be the visitor: enter, and have a child, which is inside."""
    try:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        namespaces.enter(INTO | Namespace.CGROUP, pid)
        child = os.fork()
        if child == 0:
            syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
            prepare()
            os.write(say, b"ready\n")
            os.close(say)
            signal.pause()
        os.write(say, b"%d\n" % child)
        os.close(say)
        os.waitpid(child, 0)
    finally:
        os._exit(1)
