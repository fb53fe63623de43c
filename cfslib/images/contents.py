"""contents: the bytes of an archive, in the order in which a stream brings them."""

import io
import os
from collections.abc import Iterator
from typing import Protocol

from cfslib.images import sparse
from cfslib.images.headers import BLOCK, BadArchive

_READ = 1 << 18  # bytes at a time: what fits into the nearer caches
_EXTENSION = 1 << 20  # bytes of a pax header: names and extended attributes


class Stream(Protocol):
    """What brings bytes: any file that is open for reading."""

    def read1(self, size: int, /) -> bytes:
        """Return some bytes, at most so many; none at the end."""


class Data:
    """What is in one file, to be read once."""

    def __init__(self, reader: "Reader", parts: sparse.Parts, size: int) -> None:
        self._reader, self._parts = reader, parts
        self.offset = reader.offset  # in the stream: where it begins
        self.has_holes = parts != [(0, size)] and size > 0

    def read(self) -> bytes:
        """Return all of it, without holes; for what is known to be small."""
        return b"".join(self._reader.blocks(sum(length for _, length in self._parts)))

    def blocks(self) -> Iterator[memoryview]:
        """Yield all of it in pieces, holes as what they read as."""
        at = 0
        for offset, length in self._parts:
            yield from _zeros(offset - at)
            yield from self._reader.blocks(length)
            at = offset + length

    def copy_to(self, fd: int) -> None:
        """Write all of it to a new file."""
        for offset, length in self._parts:
            if self.has_holes:
                os.lseek(fd, offset, os.SEEK_SET)
            for block in self._reader.blocks(length):
                written = os.write(fd, block)
                while written < len(block):
                    written += os.write(fd, block[written:])


def _zeros(size: int) -> Iterator[memoryview]:
    block = memoryview(bytes(min(size, _READ)))
    while size > 0:
        yield block[:size]
        size -= len(block)


class Reader:
    """A stream, and how much of the data of an entry is still in front of us."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._file = stream if isinstance(stream, io.BufferedReader) else None
        self._block, self._at = b"", 0
        self._before = 0  # bytes of the stream before this block
        self._data = self._padding = 0

    @property
    def offset(self) -> int:
        """Return how many bytes of the stream are behind us."""
        return self._before + self._at

    def expect_data(self, size: int) -> None:
        """Take note that the data of an entry comes next."""
        self._data, self._padding = size, -size % BLOCK

    def blocks(self, size: int) -> Iterator[memoryview]:
        """Yield the next bytes of the data."""
        if size > self._data:
            raise BadArchive("a file has more data than its header says")
        while size:
            piece = self._some(size)
            size -= len(piece)
            self._data -= len(piece)
            yield piece

    def skip_data(self) -> None:
        """Go on to the next header."""
        left, self._data, self._padding = self._data + self._padding, 0, 0
        self._skip(left)

    def block(self) -> bytes:
        """Return the next 512 bytes; fewer at the end of the stream."""
        at = self._at
        if at + BLOCK <= len(self._block):
            self._at = at + BLOCK
            return self._block[at : at + BLOCK]
        return b"".join(self._up_to(BLOCK))

    def data_block(self) -> bytes:
        """Return the next 512 bytes of the data."""
        return b"".join(self.blocks(BLOCK))

    def text(self, size: int) -> bytes:
        """Return what a header of so many bytes has after it."""
        if size > _EXTENSION:
            raise BadArchive(f"a header has {size} bytes after it: too many")
        self.expect_data(size)
        found = b"".join(self.blocks(size))
        self.skip_data()
        return found

    def _some(self, size: int) -> memoryview:
        """Return the next bytes, as many as there are at once."""
        if self._at == len(self._block) and not self._fill():
            raise BadArchive("the archive ends too early")
        piece = memoryview(self._block)[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def _up_to(self, size: int) -> Iterator[memoryview]:
        while size and (self._at < len(self._block) or self._fill()):
            piece = self._some(size)
            size -= len(piece)
            yield piece

    def _skip(self, size: int) -> None:
        here = min(size, len(self._block) - self._at)
        self._at += here
        left = size - here
        if left and self._file and self._file.seekable():
            self._before += len(self._block) + left
            self._block, self._at = b"", 0
            self._file.seek(left, os.SEEK_CUR)
            return
        while left:
            left -= len(self._some(left))

    def _fill(self) -> bool:
        self._before += len(self._block)
        self._block, self._at = self._stream.read1(_READ), 0
        return bool(self._block)
