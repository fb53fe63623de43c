"""logbook: what a container printed, and when, in a file that is read while it grows.

The lines are those of the CRI, as Kubernetes' runtimes write them:

    2026-11-30T06:01:49.123456789Z stdout F a whole line
    2026-11-30T06:01:49.123456789Z stderr P part of a line, because it has no end yet

Unlike Docker's JSON, that keeps every byte as it was printed, can be read with grep(1),
and takes nothing to write or read.  A record is written in one go, and is there once
its newline is.  At MOST bytes the file becomes `log.1`, in place of the one before: of
a container that prints without end, the last is kept.
"""

import posix
import time

from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 4 << 20  # bytes of each of two files: they may be in memory, as /run is
STDOUT, STDERR = b"stdout", b"stderr"
_PIECE = 1 << 16


class Entry(Record):
    """A record of the log: a line, or a part of one."""

    def __init__(self, when: bytes, stream: bytes, text: bytes, is_whole: bool) -> None:
        self.when = when
        self.stream = stream
        self.text = text  # with the newline, if it is whole
        self.is_whole = is_whole


class Log:
    """A log that we write.

    Where the disk is full, it has a gap, and says so later: the container goes on.
    """

    def __init__(self, path: str, most: int = MOST) -> None:
        self._path, self._most = path, most
        self._lost = 0  # bytes that were printed and could not be kept
        self._open()

    def _open(self) -> None:
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC
        self._fd = posix.open(self._path, flags, 0o600)
        self._size = posix.fstat(self._fd).st_size

    def write(self, stream: bytes, data: bytes) -> None:
        """Add what was printed just now."""
        if self._lost:
            told = b"cfs: %d bytes are missing here: no room on the disk\n" % self._lost
            if not self._add(_records(STDERR, told)):
                self._lost += len(data)
                return
            self._lost = 0
        if not self._add(_records(stream, data)):
            self._lost += len(data)

    def _add(self, records: bytes) -> bool:
        """Write records, all of them or none."""
        try:
            if self._size + len(records) > self._most and self._size:
                self._rotate()
            written = posix.write(self._fd, records)
            if written < len(records):
                posix.ftruncate(self._fd, self._size)
                return False
        except OSError:
            return False
        self._size += written
        return True

    def _rotate(self) -> None:
        try:
            posix.rename(self._path, f"{self._path}.1")
        except FileNotFoundError:
            pass  # it was renamed before, and there was no room for a new one
        before = self._fd
        self._open()
        posix.close(before)

    def close(self) -> None:
        """Write no more."""
        posix.close(self._fd)


def _records(stream: bytes, data: bytes) -> bytes:
    """Return data as records, all of the same moment."""
    *lines, rest = data.split(b"\n")
    prefix = _now() + b" " + stream
    whole = b"".join([b"%b F %b\n" % (prefix, line) for line in lines])
    return whole + (b"%b P %b\n" % (prefix, rest) if rest else b"")


def _now() -> bytes:
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{rest:09d}Z".encode()


class Reader:
    """Reads a log, the older file first; and then what has come since."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None
        self._held = b""  # of a record that has no end yet

    def now(self) -> "Iterator[Entry]":
        """Yield what was not read yet; no more than two files of it at once."""
        for _ in range(3):
            # Look first: what is in a file that has moved away is all there is in it.
            is_last = _is_at(self._path, self._fd)
            yield from self._rest()
            if is_last or not self._go_on():
                return

    def _rest(self) -> "Iterator[Entry]":
        while self._fd is not None and (piece := posix.read(self._fd, _PIECE)):
            *records, self._held = (self._held + piece).split(b"\n")
            for record in records:
                yield from _entries_in(record)

    def _go_on(self) -> bool:
        """Open the next file; while the one before is open, none has its number."""
        older = f"{self._path}.1"
        fd = None if _is_at(older, self._fd) else _opened(older)
        fd = _opened(self._path) if fd is None else fd
        if fd is not None:
            self.close()
            self._fd, self._held = fd, b""
        return fd is not None

    def close(self) -> None:
        """Read no more; twice is fine."""
        if self._fd is not None:
            posix.close(self._fd)
        self._fd = None


def _opened(path: str) -> "int | None":
    try:
        return posix.open(path, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _is_at(path: str, fd: "int | None") -> bool:
    try:
        return fd is not None and posix.stat(path).st_ino == posix.fstat(fd).st_ino
    except FileNotFoundError:
        return False


def _entries_in(record: bytes) -> "Iterator[Entry]":
    """Yield what is in a record; nothing of one that was cut short."""
    when, *rest = record.split(b" ", 3)
    if len(rest) == 3:
        stream, kind, text = rest
        is_whole = kind == b"F"
        yield Entry(when, stream, text + b"\n" if is_whole else text, is_whole)
