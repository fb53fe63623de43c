"""entrance: the namespaces of a container, which its maker keeps open.

To enter the namespaces of a process takes the right to look into it, see ptrace(2); but
PID 1 of a container keeps to itself what it knows: `init.let_nobody_look_into_us`.  So
its maker opens them in the moment in which they are made, when nobody inside has had a
hand in them.  Who comes later finds them in /proc/MAKER/fd.

Not the cgroup namespace, which PID 1 makes itself, later: who is in the same groups
makes one that is alike.
"""

import errno
import posix

from cfslib.isolation import namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from cfslib.runtime.state import State

_FLAGS = posix.O_RDONLY | posix.O_CLOEXEC
# First the one whose root we are then: that may enter the others.
ORDER = (
    Namespace.USER,
    Namespace.UTS,
    Namespace.IPC,
    Namespace.NET,
    Namespace.PID,
    Namespace.MNT,
)


class Entrance:
    """The namespaces of a new process, open for a `with` block."""

    def __init__(self, pid: int, kinds: Namespace) -> None:
        self._pid, self._kinds = pid, kinds
        self.opened: dict[int, int] = {}  # the descriptors, by kind

    def __enter__(self) -> "Self":
        try:
            for kind in ORDER:
                if kind in self._kinds:
                    path = namespaces.link(kind, self._pid)
                    self.opened[int(kind)] = posix.open(path, _FLAGS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        while self.opened:
            posix.close(self.opened.popitem()[1])


class Found:
    """The namespaces of a container as its maker keeps them, open here too."""

    def __init__(self, container: "State") -> None:
        maker = container.maker()
        self.opened: dict[int, int] = {}
        try:
            for kind, number in container.namespaces().items():
                path = f"/proc/{maker.pid}/fd/{number}"
                self.opened[kind] = posix.open(path, _FLAGS)
        except FileNotFoundError:
            self.close()
        if not self.opened or not maker.is_alive():  # it was the maker's till now, then
            self.close()
            raise ProcessLookupError(errno.ESRCH, "the container has just ended")

    def enter(self, kinds: Namespace) -> None:
        """Move this process into those of these kinds that the container has.

        A PID namespace is entered by the next child, not by us.
        """
        for kind in ORDER:
            if kind in kinds and kind in self.opened:
                syscalls.setns(self.opened[kind], kind)

    def close(self) -> None:
        """Need them no more."""
        while self.opened:
            posix.close(self.opened.popitem()[1])


def check_runs(container: "State") -> None:
    """Raise `ProcessLookupError` if a container does not run."""
    if container.status() != state.RUNNING:
        raise ended(container)


def ended(container: "State") -> ProcessLookupError:
    """Return the error for a container in which nothing can be run."""
    why = {
        state.CREATED: "has not started yet",
        state.ENDING: "is just being taken down",
    }.get(container.status(), "does not run")
    error = ProcessLookupError(f"{container.name} {why}")
    if container.status() == state.ENDED:
        error.add_note(f"Hint: `cfs restart {container.name}` starts it anew.")
    return error
