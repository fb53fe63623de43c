"""lifeline: what joins the end of a container to that of its maker.

Signals that are sent to the maker go on to PID 1, and if the maker fails, PID 1 is
killed.  The other direction is the kernel's work: see `init.end_with_the_maker`.
"""

import _signal as signal
import posix as os

from cfslib.kernel import libc
from cfslib.kernel.kept_back import PASSED_ON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Child:
    """A child process that does not outlive a `with` block."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def kill(self) -> None:
        """End it now."""
        if self._status is None:  # until then nobody else can have its pid
            os.kill(self.pid, signal.SIGKILL)

    def see_its_end(self) -> None:
        """Wait for its end, and leave it there, so that its pid is still its own."""
        if self._status is None:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | libc.WALL)

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


class SignalsPassedOn:
    """Give PID 1 what is sent to us: whoever signals us means the container."""

    def __init__(self, pid: int) -> None:
        self._pidfd = os.pidfd_open(pid)  # a pid may belong to somebody else by then

    def __enter__(self) -> None:
        # What our caller ignores we do too: nohup(1) must keep its word.
        heard = [n for n in PASSED_ON if signal.getsignal(n) != signal.SIG_IGN]
        self._before = {n: signal.signal(n, self._pass_on) for n in heard}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._pidfd)

    def _pass_on(self, number: int, _frame: object) -> None:
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            pass  # it has ended, and we shall hear of it
