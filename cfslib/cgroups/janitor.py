"""janitor: a process that cleans up after us, even if we are killed.

A cgroup is a directory, and directories do not go away with the process that made
them.  So before one is made, a child is forked that sleeps until we close our end of a
pipe, or until the kernel says that we died; then it cleans up.
"""

import os
import select
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager

from cfslib import syscalls
from cfslib.syscalls import Prctl


@contextmanager
def afterwards(clean_up: Callable[[], None]) -> Generator[None]:
    """Have `clean_up` called when this block ends, whichever way it ends."""
    reader, writer = os.pipe()
    # A child that outlives us would keep the pipe open, so the pipe alone cannot tell.
    maker = os.pidfd_open(os.getpid())
    janitor = os.fork()
    if janitor == 0:
        try:
            os.close(writer)
            _sleep_until_ready(*sorted((reader, maker)))
            clean_up()
            os._exit(0)
        finally:
            os._exit(1)
    os.close(reader)
    os.close(maker)
    try:
        yield
    finally:
        os.close(writer)
        _, status = os.waitpid(janitor, 0)
        if status != 0:
            clean_up()  # somebody killed the janitor, or it met an error: try, or say


def _sleep_until_ready(first: int, second: int) -> None:
    """Keep no file descriptors of our parent's but these two, and heed no signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.setsid()  # the terminal's Ctrl-C is not for us
    os.chdir("/")
    syscalls.prctl(Prctl.SET_NAME, "cfs-janitor")
    os.closerange(0, first)
    os.closerange(first + 1, second)
    os.closerange(second + 1, os.sysconf("SC_OPEN_MAX"))
    select.select([first, second], [], [])
