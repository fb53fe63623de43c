"""terminal: a terminal for the container, joined to ours.

A shell wants a terminal that it controls: for job control, Ctrl-C, the window size.
Ours is not for the container: whoever holds a terminal can type into it.  So inside,
a pty is made: the program gets its slave end, and we stand at the master end and
copy what is typed in, and what is printed out.  See pty(7), tty_ioctl(2).
"""

import _signal as signal
import fcntl
import posix as os
import sys
import termios
import time

from cfslib.runtime.relay import Ended, Flow, Typed, copy, own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cfslib.kernel.kept_back import KeptBack

A_MOMENT = 0.05  # seconds
USUAL_SIZE = (24, 80)  # rows and columns, where nobody has a window yet


def make(owner: int) -> int:
    """Make a pty, of the user id `owner`; move to its slave end, return the master.

    It has the size of the terminal that we leave, if we have one.  We must be the
    leader of a session without a terminal.  It becomes that of PID 1 and not of the
    command alone, so that `ps` shows both.
    """
    master, slave = os.openpty()
    if os.isatty(0):
        _copy_size(0, slave)
    else:
        set_size(slave, *USUAL_SIZE)
    os.fchown(slave, owner, -1)  # its group is that of /dev/pts
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.close(slave)
    return master


def relay(master: int, pid: int, kept: "KeptBack") -> None:
    """Join our terminal to a pty until process `pid`, a child of ours, ends.

    The pty is closed then.  Signals come through meanwhile.
    """
    os.set_blocking(master, False)
    keyboard, screen = own(0, os.O_RDONLY), own(1, os.O_WRONLY)
    typed, printed = [Typed(keyboard, master)], [Flow(master, screen)]
    try:
        with Raw(0), _SizeFollows(master), Ended(pid) as end:
            kept.wait(lambda: copy(typed, printed, end))
    finally:
        for fd in (keyboard, screen, master):
            os.close(fd)


class Raw:
    """Take every key as it is, Ctrl-C too: the terminal inside knows what it means."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> None:
        self._before = termios.tcgetattr(self._fd)
        # Not TCSAFLUSH: what was typed ahead is meant for us.
        termios.tcsetattr(self._fd, termios.TCSADRAIN, _as_raw(self._before))

    def __exit__(self, *_: object) -> None:
        try:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        except termios.error:
            pass  # whoever closed the window has ended it


def _as_raw(modes: "list[Any]") -> "list[Any]":
    """Return the modes of a terminal with those changed that cfmakeraw(3) changes."""
    input_, output, control, local, *speeds, characters = modes
    input_ &= ~(
        termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
        | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
    )  # fmt: skip
    local &= ~(
        termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN
    )
    control = control & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    characters = list(characters)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [input_, output & ~termios.OPOST, control, local, *speeds, characters]


class _SizeFollows:
    """Give the pty the size of our window, now and whenever that changes."""

    def __init__(self, master: int) -> None:
        self._master = master

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGWINCH, self._copy_new_size)
        _copy_size(0, self._master)  # it may have changed since the pty was made

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGWINCH, self._before)

    def _copy_new_size(self, *_: object) -> None:
        # The kernel sends the signal first, and then the window has its new size.
        time.sleep(A_MOMENT)
        _copy_size(0, self._master)


def _copy_size(source: int, target: int) -> None:
    size = fcntl.ioctl(source, termios.TIOCGWINSZ, bytes(8))  # struct winsize
    fcntl.ioctl(target, termios.TIOCSWINSZ, size)


def size_of(fd: int) -> "tuple[int, int]":
    """Return how many rows and columns a terminal has."""
    size = fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8))  # struct winsize: 4 shorts
    rows, columns, _, _ = memoryview(size).cast("H")
    return rows, columns


def set_size(fd: int, rows: int, columns: int) -> None:
    """Say how many rows and columns a terminal has; who uses it gets a signal."""
    size = b"".join(number.to_bytes(2, sys.byteorder) for number in (rows, columns))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, size + bytes(4))
