"""processes: know a process again, though its pid may be another's by now.

A pid is given to somebody else once its process has ended.  With the moment at which it
started it names one process, and no other one for as long as the machine is up:

    >>> me = ours()
    >>> me.is_alive()
    True
    >>> Process(me.pid, "1").is_alive()
    False
"""

import _signal as signal
import errno
import posix

from cfslib.kernel import procfs
from cfslib.kernel.record import Record

_LONGEST = (1 << 31) - 1  # milliseconds for which poll(2) waits: 24 days
_OVER = ("Z", "X")  # the states of a zombie, and of one that is no more


class Process(Record):
    """One process of this machine, which may have ended."""

    def __init__(self, pid: int, start: str) -> None:
        self.pid = pid
        self.start = start  # as in `procfs.start_of`

    def is_alive(self) -> bool:
        """Say whether it runs; a zombie does not."""
        try:
            state, start = procfs.state_and_start(self.pid)
        except ProcessLookupError:
            return False
        return start == self.start and state not in _OVER

    def send(self, number: int) -> None:
        """Send it a signal; raise `ProcessLookupError` if it has ended."""
        with _Opened(self) as pidfd:
            signal.pidfd_send_signal(pidfd, number)

    def wait(self, seconds: "float | None" = None) -> bool:
        """Wait for its end, for so long at most; say whether it has ended."""
        import select  # here, because who makes a container need not wait like this

        try:
            with _Opened(self) as pidfd:
                events = select.poll()
                events.register(pidfd, select.POLLIN)
                most = None if seconds is None else min(seconds * 1000, _LONGEST)
                return bool(events.poll(most))
        except ProcessLookupError:
            return True


class _Opened:
    """A descriptor of a process, which stays that of this one."""

    def __init__(self, process: Process) -> None:
        self._fd = posix.pidfd_open(process.pid)
        if not process.is_alive():  # it had ended before: this is another one
            posix.close(self._fd)
            raise ProcessLookupError(errno.ESRCH, "the process has ended")

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        posix.close(self._fd)


def known(pid: int) -> Process:
    """Return a process that is there; it may have ended and not been waited for."""
    return Process(pid, procfs.start_of(pid))


def ours() -> Process:
    """Return this process."""
    return known(posix.getpid())
