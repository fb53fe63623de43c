"""terminal: a terminal for what is timed, and nobody in front of it."""

import os
import termios
import threading
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def opened() -> Generator[str]:
    """Keep a terminal for a `with` block; yield its path.  What is printed is lost."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    threading.Thread(target=_read_all, args=(master,), daemon=True).start()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)


def _read_all(master: int) -> None:
    """Read what is printed, so that nobody has to wait until there is room for it."""
    with open(master, "rb", buffering=0) as printed:
        try:
            while printed.read(1 << 14):
                pass
        except OSError:
            return  # EIO: nobody has the other end open any more
