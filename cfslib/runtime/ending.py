"""ending: send a container a signal, make it end, and hear how it did."""

import _signal as signal
import posix
import time

from cfslib.isolation import freezer
from cfslib.kernel import procfs
from cfslib.runtime import init, processes, register, state
from cfslib.runtime.processes import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.runtime.state import State

# What PID 1 does not pass on: its own mistakes, and what nobody can wait for.
NOT_PASSED_ON = {*init.FAULTS, signal.SIGSTOP}
CLEANING = 5  # seconds for a monitor to take down what it has made
_DYING = 60  # seconds for the kernel to end what was killed, on a busy machine


def send(container: "State", number: int) -> None:
    """Send a signal to what a container runs; raise `ProcessLookupError` if it is over.

    SIGKILL is for all of it: the end of PID 1 is the end of every process inside.
    """
    if container.status() in (state.ENDING, state.ENDED):
        raise ProcessLookupError(f"{container.name} does not run")
    last, groups = container.spec().stop_signal, container.groups()  # while it is there
    target = container.pid1()
    if target and number in NOT_PASSED_ON:
        target = main_of(target) or target
    (target or container.maker()).send(number)  # which keeps it back until it runs
    if number in (signal.SIGKILL, last):
        freezer.thaw(groups)  # one that is paused would not end


def main_of(pid1: Process) -> "Process | None":
    """Return the process that the command is, PID 2 inside, if it has not ended."""
    try:
        children = procfs.read(f"/proc/{pid1.pid}/task/{pid1.pid}/children").split()
        for pid in map(int, children):
            if procfs.pids_on_each_level(pid)[-1] == init.MAIN:
                return processes.known(pid)
    except (FileNotFoundError, ProcessLookupError):
        pass  # not every kernel tells; or it has just ended
    return None


def ask(container: "State") -> None:
    """Ask it to end, with its own signal; it is no harm if it has ended."""
    try:
        send(container, container.spec().stop_signal)
    except (ProcessLookupError, FileNotFoundError):
        pass


def end(container: "State", deadline: "float | None" = 0) -> None:
    """Wait for its end until a deadline of time.monotonic(); then make it end."""
    try:
        maker, groups = container.maker(), container.groups()
        last = container.pid1() or maker
    except FileNotFoundError:
        return  # it has ended, and is forgotten
    left = None if deadline is None else max(0, deadline - time.monotonic())
    if not last.wait(left):
        kill(last)
        freezer.thaw(groups)
    if not maker.wait(CLEANING):  # it takes down what it made, and then it is gone
        kill(maker)
    _wait_for_the_last(container, maker)


def _wait_for_the_last(container: "State", maker: Process) -> None:
    """Return when nothing of it runs: what was killed has not ended at once."""
    is_over = maker.wait(_DYING)
    try:
        # Once more, because a maker may have written it down just before it ended.
        last = container.pid1()
        if last and container.maker() == maker:  # else it was started anew
            is_over = last.wait(_DYING) and is_over
    except FileNotFoundError:
        return  # it is forgotten
    if not is_over:
        raise TimeoutError(f"{container.name} was killed, and has not ended yet")


def kill(process: Process) -> None:
    """End a process now; it is no harm if it has ended."""
    try:
        process.send(signal.SIGKILL)
    except ProcessLookupError:
        pass


def clear_away(container: "State") -> None:
    """Forget one that has ended, with what a monitor that was killed has left."""
    from cfslib.isolation.cgroups import janitor  # here, because it is for few
    from cfslib.kernel.tracing import encoded

    with register.Locked(container.place):  # so that nobody starts it anew meanwhile
        try:
            if container.status() != state.ENDED:
                raise FileExistsError(f"{container.name} was started anew meanwhile")
            for group in container.groups():
                janitor.remove(encoded(group.removesuffix("/inner")))
        except FileNotFoundError:
            pass  # somebody else has removed it, or it is damaged
        register.forget(container)


class LastWord:
    """Hear how a container ends, even if it is removed at once."""

    def __init__(self, container: "State") -> None:
        self._container = container
        self._ends = [container.pid1(), container.maker()]
        self._fd = self._opened()

    def _opened(self) -> int:
        path, flags = self._container.path, posix.O_RDONLY | posix.O_CLOEXEC
        try:
            return posix.open(f"{path}/reserve", flags)
        except FileNotFoundError:
            return posix.open(f"{path}/end", flags)  # this is what becomes of it

    def code(self) -> int:
        """Wait for its end; return its exit code."""
        for process in filter(None, self._ends):
            process.wait()
        return state.end_in(posix.pread(self._fd, state.RESERVED, 0))[0]

    def __enter__(self) -> "LastWord":
        return self

    def __exit__(self, *_: object) -> None:
        posix.close(self._fd)
