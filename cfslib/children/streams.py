"""streams: standard input, output and error: all three open, and nothing held back.

On the way of every `cfs run`, and so from nothing that takes long to import: see `ffi`.
"""

import posix as os
import sys


def have_all_three() -> None:
    """Open what our caller has closed of standard input, output and error.

    Else the next file that we open would have that number, and be the command's.
    """
    while (fd := os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)) < 3:
        os.set_inheritable(fd, True)
    os.close(fd)


def flush() -> None:
    """Print what Python still holds back, or a child inherits it and prints it too."""
    for stream in (sys.stdout, sys.stderr):
        if stream:  # None where our caller closed it
            stream.flush()
