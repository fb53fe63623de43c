"""compression: what is in a blob, whatever it was packed with, and what its hash is.

The first bytes say how it was packed.  The type in a manifest may say otherwise, and
the tools that wrote most images never looked at it.
"""

import hashlib
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cfslib.images.contents import Stream
from cfslib.images.headers import BadArchive
from cfslib.images.read_ahead import Ahead

if TYPE_CHECKING:
    from hashlib import _Hash

_READ = 1 << 17  # packed bytes at a time
_BLOCK = 1 << 18  # unpacked bytes at a time: no bomb gets more of our memory
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_OTHERS = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_GZIP_FORMAT = 31  # for zlib: a header and a checksum as gzip has them
_RATIO, _FREE = 200, 1 << 30  # so much bigger than it was packed, from so many bytes on


class BadDigest(BadArchive):
    """A blob that is not what its name says."""


class Hashed:
    """A stream whose hash is known when it has been read."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._hash: _Hash = hashlib.sha256()
        self.length = 0
        self._is_over = False

    @property
    def digest(self) -> str:
        """Return the digest of what was read so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def read1(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        block = b"" if self._is_over else self._stream.read1(size)
        self._is_over = not block
        self._hash.update(block)
        self.length += len(block)
        return block

    def read_all(self) -> None:
        """Read what is left."""
        while self.read1(_READ):
            pass

    def check(self, digest: str, what: str = "a blob") -> None:
        """Read what is left, and raise if all of it does not have this digest."""
        self.read_all()
        if self.digest != digest:
            raise BadDigest(f"{what} should be {digest} and is {self.digest}")


@contextmanager
def opened(stream: Stream) -> Generator[Stream]:
    """Yield a stream of the unpacked bytes; they are unpacked in a thread."""
    start = _start(stream)
    unpack = _unpacker(start)
    if unpack is None:
        yield _Joined(iter([start]), stream)
        return
    with Ahead(_Joined(_not_a_bomb(unpack, _Counted(start, stream)))) as ahead:
        yield ahead


def suffix(stream: Stream) -> str:
    """Return what a media type says of how a stream is packed: +gzip, or nothing."""
    start = _start(stream)
    names = {_GZIP: "+gzip", _ZSTD: "+zstd"}
    return next((names[magic] for magic in names if start.startswith(magic)), "")


def _start(stream: Stream) -> bytes:
    start = b""
    while len(start) < 6 and (block := stream.read1(_READ)):
        start += block
    return start


Unpack = Callable[[Stream], Iterator[bytes]]


def _unpacker(start: bytes) -> "Unpack | None":
    if start.startswith(_GZIP):
        return _inflated
    if start.startswith(_ZSTD):
        return _zstd()
    for magic, name in _OTHERS.items():
        if start.startswith(magic):
            raise BadArchive(
                f"a layer is packed with {name}; gzip and zstd can be read"
            )
    return None


class _Joined:
    """Blocks, and then what a stream brings, as one stream."""

    def __init__(self, blocks: Iterator[bytes], then: "Stream | None" = None) -> None:
        self._blocks, self._then = blocks, then
        self._rest = b""

    def read1(self, size: int, /) -> bytes:
        block = self._rest or next(self._blocks, b"")
        self._rest = block[size:]
        if block or self._then is None:
            return block[:size]
        return self._then.read1(size)


class _Counted:
    """A stream that counts what was read of it."""

    def __init__(self, start: bytes, stream: Stream) -> None:
        self._stream = _Joined(iter([start]), stream)
        self.length = 0

    def read1(self, size: int, /) -> bytes:
        block = self._stream.read1(size)
        self.length += len(block)
        return block


def _not_a_bomb(unpack: Unpack, packed: _Counted) -> Iterator[bytes]:
    """Yield what is unpacked, unless it is far too much for what it was."""
    length = 0
    for block in unpack(packed):
        length += len(block)
        if length > max(_FREE, _RATIO * packed.length):
            raise BadArchive(
                f"{packed.length} bytes became more than {length}: this is a bomb"
            )
        yield block


def _inflated(packed: Stream) -> Iterator[bytes]:
    """Yield what gzip packed, in one piece or in many."""
    block = packed.read1(_READ)
    while block:
        member = zlib.decompressobj(_GZIP_FORMAT)
        while not member.eof:
            yield from _inflate(member, block)
            block = member.unused_data or packed.read1(_READ)
            if not block and not member.eof:
                raise BadArchive("what gzip packed ends too early")
        if not block.strip(b"\0"):
            block = b""  # tapes, and a few tools, pad with zeros


def _inflate(member: "zlib._Decompress", block: bytes) -> Iterator[bytes]:
    try:
        while block and not member.eof:
            if found := member.decompress(block, _BLOCK):
                yield found
            block = member.unconsumed_tail
    except zlib.error as error:
        raise BadArchive(f"what gzip packed is damaged: {error}") from None


def _zstd() -> Unpack:
    try:
        import zstandard  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        error = BadArchive(
            "a layer is packed with zstd, which Python cannot unpack here"
        )
        error.add_note("Hint: pip install zstandard")
        raise error from None

    def unpack(packed: Stream) -> Iterator[bytes]:
        factory = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        source = _Readable(packed)
        try:
            reader = factory.stream_reader(source, read_across_frames=True)
            while block := reader.read(_BLOCK):
                yield block
        except zstandard.ZstdError as error:
            raise BadArchive(f"what zstd packed is damaged: {error}") from None

    return unpack


class _Readable:
    """A stream as libraries want it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._stream.read1(size if size > 0 else _READ)
