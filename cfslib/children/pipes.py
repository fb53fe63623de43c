"""pipes: catch what a program prints."""

import errno
import posix as os
import select

from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from cfslib.kernel.kept_back import KeptBack

MOST = 1 << 30  # bytes: who prints without end must not take all our memory


class Finished(Record):
    """A container that has ended, with what it printed."""

    def __init__(self, code: int, stdout: str, stderr: str) -> None:
        self.code = code  # as a shell would show it
        self.stdout = stdout
        self.stderr = stderr


class Pipes:
    """Two pipes, for standard output and standard error."""

    def __init__(self, most: "int | None" = MOST) -> None:
        self._most = most  # bytes that are kept, of both together
        self._opened: list[int] = []

    def __enter__(self) -> "Self":
        try:
            self._open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        while self._opened:
            os.close(self._opened.pop())

    def _open(self) -> None:
        self._nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self._opened.append(self._nothing)
        self._caught: dict[int, bytearray] = {}  # by the end that it is read from
        self._writers: list[int] = []
        for _ in range(2):
            reader, writer = os.pipe()
            self._opened += (reader, writer)
            self._caught[reader] = bytearray()
            self._writers.append(writer)

    def inside(self) -> "list[int]":
        """Return what the container has as 0, 1 and 2: it reads from nothing."""
        return [self._nothing, *self._writers]

    def join(self, pid: int, kept: "KeptBack") -> None:
        """Be outside: take what is printed, until process `pid` and all others end."""
        self.let_go()
        kept.wait(self.read)

    def let_go(self) -> None:
        """Leave the ends that are printed into to the container."""
        while self._writers:
            writer = self._writers.pop()
            self._opened.remove(writer)
            os.close(writer)

    def read(self) -> None:
        """Take what is printed until nobody is left who could print."""
        self.let_go()
        events = select.poll()
        for reader in self._caught:
            events.register(reader, select.POLLIN)
        kept, open_ones = 0, len(self._caught)
        while open_ones:
            for reader, _ in events.poll():
                chunk = os.read(reader, 1 << 16)
                self._caught[reader] += chunk
                kept += len(chunk)
                if not chunk:
                    events.unregister(reader)
                    open_ones -= 1
            if self._most is not None and kept > self._most:
                raise _too_much(self._most)

    def finished(self, code: int) -> Finished:
        """Return what came out of the pipes."""
        texts = [data.decode(errors="replace") for data in self._caught.values()]
        return Finished(code, *texts)


def _too_much(most: int) -> OSError:
    error = OSError(errno.EFBIG, f"the container printed more than {most} bytes")
    error.add_note("Hint: `capture(spec, most=BYTES)` takes more; None means all.")
    return error
