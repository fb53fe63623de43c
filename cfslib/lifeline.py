"""lifeline: what joins the end of a container to that of its maker.

Signals that are sent to the maker go on to PID 1, and if the maker fails, PID 1 is
killed.  The other direction is the kernel's work: PR_SET_PDEATHSIG, in `channel`.
"""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress

PASSED_ON = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


@contextmanager
def killed_on_error(pid: int) -> Generator[None]:
    """Kill and reap a child if anything goes wrong in a `with` block."""
    try:
        yield
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


@contextmanager
def signals_kept_back() -> Generator[set[int]]:
    """Let signals wait, so that none falls between our start and the command's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def signals_passed_on(pid: int, mask: set[int]) -> Generator[None]:
    """Give PID 1 what is sent to us: whoever signals us means the container."""
    pidfd = os.pidfd_open(pid)  # a pid may belong to somebody else by then

    def pass_on(number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, number)

    # What our caller ignores we do too: nohup(1) must keep its word.
    heard = [n for n in PASSED_ON if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in heard}
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(pidfd)
