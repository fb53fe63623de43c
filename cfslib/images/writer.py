"""writer: files one after another, as an archive."""

import os
from collections.abc import Iterable
from typing import BinaryIO

from cfslib.images import headers, pax
from cfslib.images.entry import Entry, Kind
from cfslib.images.headers import BLOCK

_SECOND = 10**9
_COPY = 1 << 18
_NAME = 100  # bytes of a name that fit into a header


class Writer:
    """An archive that is written to a stream; the same entries give the same bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def add(self, entry: Entry, data: "BinaryIO | bytes | None" = None) -> None:
        """Write one entry, and its data, which has to be as long as its size says."""
        name, link = os.fsencode(entry.name), os.fsencode(entry.link)
        if entry.kind is Kind.DIRECTORY:
            name = name.rstrip(b"/") + b"/"
        if records := list(_records(entry, name, link)):
            self._add_records(name, pax.packed(records))
        header = headers.packed(
            name=name[:_NAME],
            kind=entry.kind.value,
            mode=entry.mode & 0o7777,
            uid=entry.uid,
            gid=entry.gid,
            size=entry.size,
            mtime=entry.mtime // _SECOND,
            link=link[:_NAME],
            device=entry.device,
        )
        self._stream.write(header)
        self._copy(entry, data)

    def close(self) -> None:
        """Write the mark of the end; the stream stays open."""
        self._stream.write(headers.END * 2)

    def _add_records(self, name: bytes, text: bytes) -> None:
        place = b"PaxHeaders/" + name.rstrip(b"/").rpartition(b"/")[2]
        header = headers.packed(
            name=place[:_NAME], kind=b"x", mode=0o644, size=len(text)
        )
        self._stream.write(header + text + bytes(-len(text) % BLOCK))

    def _copy(self, entry: Entry, data: "BinaryIO | bytes | None") -> None:
        left = entry.size
        for block in _blocks(data, left):
            self._stream.write(block)
            left -= len(block)
        if left:
            raise ValueError(f"{entry.name}: its size changed while it was read")
        self._stream.write(bytes(-entry.size % BLOCK))


def _blocks(data: "BinaryIO | bytes | None", size: int) -> Iterable[bytes]:
    if data is None or isinstance(data, bytes):
        yield data or b""
        return
    while size and (block := data.read(min(size, _COPY))):
        size -= len(block)
        yield block


def _records(entry: Entry, name: bytes, link: bytes) -> Iterable[tuple[bytes, bytes]]:
    """Yield what the header has no room for."""
    if len(name) > _NAME or not name.isascii():
        yield b"path", name
    if len(link) > _NAME or not link.isascii():
        yield b"linkpath", link
    for key, value, width in (
        (b"uid", entry.uid, 8),
        (b"gid", entry.gid, 8),
        (b"size", entry.size, 12),
    ):
        if not headers.fits(value, width):
            yield key, b"%d" % value
    if entry.mtime % _SECOND or not headers.fits(entry.mtime // _SECOND, 12):
        yield b"mtime", pax.seconds(entry.mtime)
    for attribute, text in sorted(entry.xattrs.items()):
        yield pax.XATTR + os.fsencode(attribute), text
