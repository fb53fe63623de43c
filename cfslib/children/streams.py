"""streams: standard input, output and error: all three open, and nothing held back.

On the way of every `cfs run`, and so from nothing that takes long to import: see `ffi`.
"""

import errno
import posix as os
import sys


def have_all_three() -> None:
    """Open what our caller has closed of standard input, output and error.

    Else the next file that we open would have that number, and be the command's.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise  # a handler's, for a signal that came just now
            os.set_inheritable(os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC), True)


def are_our_terminal() -> bool:
    """Say if all three are the terminal that controls us, and we are in front of it.

    In the background, a process that changes its terminal is stopped: see tty_ioctl(4).
    """
    try:
        return all(os.tcgetpgrp(number) == os.getpgrp() for number in range(3))
    except OSError:
        return False  # no terminal, or that of another session


def flush() -> None:
    """Print what Python still holds back, or a child inherits it and prints it too."""
    for stream in (sys.stdout, sys.stderr):
        if stream:  # None where our caller closed it
            stream.flush()
