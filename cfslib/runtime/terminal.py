"""terminal: a terminal for the container, joined to ours.

A shell wants a terminal that it controls: for job control, Ctrl-C, the window size.
Ours is not for the container: whoever holds a terminal can type into it.  So inside,
a pty is made: the program gets its slave end, and we stand at the master end and
copy what is typed in, and what is printed out.  See pty(7), tty_ioctl(2).
"""

import errno
import fcntl
import os
import select
import signal
import termios
import time
import tty
from collections.abc import Generator
from contextlib import contextmanager, suppress

A_MOMENT = 0.05  # seconds


def make(owner: int) -> int:
    """Make a pty, of the user id `owner`; move to its slave end, return the master.

    It has the size of the terminal that we leave.  We must be the leader of a session
    without a terminal.  It becomes that of PID 1 and not of the command alone, so that
    `ps` shows both.
    """
    master, slave = os.openpty()
    _copy_size(0, slave)
    os.fchown(slave, owner, -1)  # its group is that of /dev/pts
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.close(slave)
    return master


def is_ours() -> bool:
    """Say whether a person sits in front of us."""
    return os.isatty(0) and os.isatty(1)


def relay(master: int, pid: int) -> None:
    """Join our terminal to a pty until process `pid`, a child of ours, ends."""
    end = os.pidfd_open(pid)
    try:
        with _raw(0), _size_follows(master):
            _copy(master, end)
    finally:
        os.close(end)


def _copy(master: int, end: int) -> None:
    sources = [0, master, end]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if 0 in ready:
            typed = os.read(0, 1 << 14)
            if typed:
                _write_all(master, typed)
            else:
                sources.remove(0)
        if master in ready:
            printed = _read(master)
            if not printed:
                return
            _write_all(1, printed)
        elif end in ready:
            # Its last words may have come between the looks at `master` and `end`.
            while select.select([master], [], [], 0)[0] and (last := _read(master)):
                _write_all(1, last)
            return


def _read(master: int) -> bytes:
    try:
        return os.read(master, 1 << 14)
    except OSError as error:
        if error.errno == errno.EIO:  # how a pty says that nobody is left
            return b""
        raise


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


@contextmanager
def _raw(fd: int) -> Generator[None]:
    """Take every key as it is, Ctrl-C too: the terminal inside knows what it means."""
    before = termios.tcgetattr(fd)
    tty.setraw(fd, termios.TCSADRAIN)  # not FLUSH: what was typed ahead is meant for us
    try:
        yield
    finally:
        with suppress(termios.error):  # whoever closed the window has ended it
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def _size_follows(master: int) -> Generator[None]:
    """Give the pty the size of our window, now and whenever that changes."""

    def copy_new_size(*_: object) -> None:
        # The kernel sends the signal first, and then the window has its new size.
        time.sleep(A_MOMENT)
        _copy_size(0, master)

    before = signal.signal(signal.SIGWINCH, copy_new_size)
    try:
        _copy_size(0, master)  # it may have changed since the pty was made
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _copy_size(source: int, target: int) -> None:
    size = fcntl.ioctl(source, termios.TIOCGWINSZ, bytes(8))  # struct winsize
    fcntl.ioctl(target, termios.TIOCSWINSZ, size)
