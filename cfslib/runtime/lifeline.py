"""lifeline: what joins the end of a container to that of its maker.

Signals that are sent to the maker go on to PID 1, and if the maker fails, PID 1 is
killed.  The other direction is the kernel's work: see `init.end_with_the_maker`.
"""

import _signal as signal
import posix as os

from cfslib.kernel import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

PASSED_ON = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


class Child:
    """A child process that does not outlive a `with` block."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def kill(self) -> None:
        """End it now."""
        if self._status is None:  # until then nobody else can have its pid
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end; return its wait status."""
        if self._status is None:
            self._status = libc.wait_for(self.pid)
        return self._status

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()


class SignalsKeptBack:
    """Let signals wait, so that none falls between our start and the command's.

    As a context, it is the mask of signals that there was before.
    """

    def __enter__(self) -> "set[int]":
        before: set[int] = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
        self._before = before
        return before

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


class SignalsPassedOn:
    """Give PID 1 what is sent to us: whoever signals us means the container."""

    def __init__(self, pid: int, mask: "set[int]") -> None:
        self._pidfd = os.pidfd_open(pid)  # a pid may belong to somebody else by then
        self._mask = mask

    def __enter__(self) -> None:
        # What our caller ignores we do too: nohup(1) must keep its word.
        heard = [n for n in PASSED_ON if signal.getsignal(n) != signal.SIG_IGN]
        self._before = {n: signal.signal(n, self._pass_on) for n in heard}
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._pidfd)

    def _pass_on(self, number: int, _frame: object) -> None:
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            pass  # it has ended, and we shall hear of it
