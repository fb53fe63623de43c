"""tar_index: where in an archive its files are, to read each by its name."""

import io
import os
from typing import Any, BinaryIO

from cfslib.images import headers, tar
from cfslib.images.contents import Stream
from cfslib.images.entry import Kind
from cfslib.images.headers import BadArchive

_ENTRIES = 100_000
_NAMES = 1 << 24  # bytes of all names
_LINKS = 40


class TarIndex:
    """The files of an archive; links are followed inside it, and nowhere else."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file, self._path = file, path
        self._places: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        file.seek(0)
        names = 0
        for number, entry in enumerate(tar.entries(readable(file))):
            if number > _ENTRIES:
                raise BadArchive(f"{path} has more than {_ENTRIES} entries")
            names += len(entry.name) + len(entry.link)
            if names > _NAMES:
                raise BadArchive(f"{path} has names of more than {_NAMES} bytes")
            name = os.path.normpath(entry.name)
            self._places.pop(name, None)
            self._links.pop(name, None)
            if entry.kind is Kind.FILE and entry.data:
                if entry.data.has_holes:
                    raise BadArchive(f"{path}: {name} has holes")
                self._places[name] = (entry.data.offset, entry.size)
            elif entry.kind is Kind.SYMLINK:
                near = os.path.dirname(name)
                self._links[name] = os.path.normpath(os.path.join(near, entry.link))
            elif entry.kind is Kind.HARD_LINK:
                self._links[name] = os.path.normpath(entry.link)

    def __contains__(self, name: str) -> bool:
        return self._followed(name) in self._places

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading, beside others."""
        place = self._places.get(self._followed(name))
        if place is None:
            raise FileNotFoundError(f"{self._path} has no {name}")
        return io.BufferedReader(_Part(self._file.fileno(), *place), 1 << 18)

    def size(self, name: str) -> int:
        """Return how long a file is."""
        return self._places[self._followed(name)][1]

    def _followed(self, name: str) -> str:
        name = os.path.normpath(name)
        for _ in range(_LINKS):
            if name not in self._links:
                return name
            name = self._links[name]
        raise BadArchive(f"{self._path}: links lead in a circle: {name}")


class _Part(io.RawIOBase):
    """A part of a file, with a position of its own."""

    def __init__(self, fd: int, offset: int, size: int) -> None:
        self._fd, self._at, self._end = fd, offset, offset + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._end - self._at)
        read = os.preadv(self._fd, [memoryview(buffer)[:wanted]], self._at)
        if wanted and not read:
            raise BadArchive("the archive ends too early")
        self._at += read
        return read


def readable(file: BinaryIO) -> Stream:
    """Return a file that is open for reading, as what it also is."""
    assert isinstance(file, io.BufferedIOBase)
    return file


def is_tar(file: BinaryIO) -> bool:
    """Say if a file begins as an archive does."""
    file.seek(0)
    block = file.read(headers.BLOCK)
    file.seek(0)
    try:
        return len(block) == headers.BLOCK and bool(headers.unpacked(block))
    except BadArchive:
        return False
