"""locks: who waits for whom in a store of images; see flock(2).

The kernel lets go of a lock when the process that holds it ends, however it ends.
"""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager

_TICK = 0.02  # seconds between two attempts


class Busy(OSError):
    """Somebody else holds the lock."""


@contextmanager
def held(
    path: str, *, shared: bool = False, patience: float | None = None
) -> Generator[int]:
    """Hold the lock of a directory, which is there, for a `with` block.

    Raise `Busy` if somebody else has it for longer than `patience`, in seconds; None is
    for ever.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _take(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, patience)
        yield fd
    finally:
        os.close(fd)


def _take(fd: int, kind: int, patience: float | None) -> None:
    if patience is None:
        fcntl.flock(fd, kind)
        return
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                raise Busy("somebody else uses it") from None
        time.sleep(_TICK)


def is_at(path: str, fd: int) -> bool:
    """Say if what was opened is still what the path leads to."""
    try:
        there, here = os.stat(path, follow_symlinks=False), os.fstat(fd)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def holders(path: str) -> list[int]:
    """Return the processes that hold the lock of a directory, if the kernel says so."""
    status = os.stat(path)
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    with open("/proc/locks") as file:
        lines = [line.split() for line in file]
    place = f"{device}:{status.st_ino}"
    return [int(line[4]) for line in lines if line[1] == "FLOCK" and line[5] == place]
