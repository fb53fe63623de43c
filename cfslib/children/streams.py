"""streams: standard input, output and error, and how to catch what is printed."""

import os
import selectors
import sys
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Finished:
    """A container that has ended, with what it printed."""

    code: int  # as a shell would show it
    stdout: str
    stderr: str


class Pipes:
    """Two pipes, for standard output and standard error."""

    def __init__(self) -> None:
        pairs = os.pipe(), os.pipe()
        self._readers = [reader for reader, _ in pairs]
        self._writers = [writer for _, writer in pairs]
        self._caught = dict.fromkeys(self._readers, b"")
        self._nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_writers()
        for fd in (*self._readers, self._nothing):
            os.close(fd)

    def inside(self) -> list[int]:
        """Return what the container has as 0, 1 and 2: it reads from nothing."""
        return [self._nothing, *self._writers]

    def read(self) -> None:
        """Be outside: take what is printed until nobody is left who could print."""
        self._close_writers()
        with selectors.DefaultSelector() as selector:
            for reader in self._readers:
                selector.register(reader, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select():
                    chunk = os.read(key.fd, 1 << 16)
                    self._caught[key.fd] += chunk
                    if not chunk:
                        selector.unregister(key.fd)

    def finished(self, code: int) -> Finished:
        """Return what came out of the pipes."""
        texts = [data.decode(errors="replace") for data in self._caught.values()]
        return Finished(code, *texts)

    def _close_writers(self) -> None:
        while self._writers:
            os.close(self._writers.pop())


def flush() -> None:
    """Print what Python still holds back, or a child inherits it and prints it too."""
    for stream in (sys.stdout, sys.stderr):
        if stream:  # None where our caller closed it
            stream.flush()
