"""pipes: catch what a program prints."""

import posix as os
import select

from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Finished(Record):
    """A container that has ended, with what it printed."""

    def __init__(self, code: int, stdout: str, stderr: str) -> None:
        self.code = code  # as a shell would show it
        self.stdout = stdout
        self.stderr = stderr


class Pipes:
    """Two pipes, for standard output and standard error."""

    def __init__(self) -> None:
        pairs = os.pipe(), os.pipe()
        self._readers = [reader for reader, _ in pairs]
        self._writers = [writer for _, writer in pairs]
        self._caught = dict.fromkeys(self._readers, b"")
        self._nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self._close_writers()
        for fd in (*self._readers, self._nothing):
            os.close(fd)

    def inside(self) -> "list[int]":
        """Return what the container has as 0, 1 and 2: it reads from nothing."""
        return [self._nothing, *self._writers]

    def read(self) -> None:
        """Be outside: take what is printed until nobody is left who could print."""
        self._close_writers()
        events = select.poll()
        for reader in self._readers:
            events.register(reader, select.POLLIN)
        open_ones = len(self._readers)
        while open_ones:
            for reader, _ in events.poll():
                chunk = os.read(reader, 1 << 16)
                self._caught[reader] += chunk
                if not chunk:
                    events.unregister(reader)
                    open_ones -= 1

    def finished(self, code: int) -> Finished:
        """Return what came out of the pipes."""
        texts = [data.decode(errors="replace") for data in self._caught.values()]
        return Finished(code, *texts)

    def _close_writers(self) -> None:
        while self._writers:
            os.close(self._writers.pop())
