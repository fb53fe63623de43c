"""tar: the files of an archive one after another, as a stream brings them.

The parsers of archives have led out of many a tool, so this one takes what image
builders write, and no more: what is odd is refused.  Nothing is looked up or written
here; what a name means is for the reader of the entries.
"""

import os
from collections.abc import Iterator, Mapping

from cfslib.images import headers, pax, sparse
from cfslib.images.contents import Data, Reader, Stream
from cfslib.images.entry import Entry, Kind
from cfslib.images.headers import BLOCK, BadArchive, Header
from cfslib.images.writer import Writer

__all__ = ["BadArchive", "Entry", "Kind", "Stream", "Writer", "entries"]

_NAME = 4096  # bytes: no path of the kernel's is longer
_HEADERS = 16  # one after another, for one entry
_SECOND = 10**9
_SIZES, _IDS = range(1 << 62), range((1 << 32) - 1)  # the last id means: as it is
_TIMES = range(-(1 << 70), 1 << 70)
_LONG_NAME, _LONG_LINK, _PAX_FOR_ALL, _SPARSE = b"L", b"K", b"g", b"S"
_PAX = (b"x", b"X")
_KINDS = {kind.value: kind for kind in Kind} | dict.fromkeys((b"\0", b"7"), Kind.FILE)


def entries(stream: Stream) -> Iterator[Entry]:
    """Yield what is in an archive."""
    reader = Reader(stream)
    name = ""
    try:
        while True:
            entry = _next(reader)
            if entry is None:
                return
            name = entry.name
            yield entry
            reader.skip_data()
    except BadArchive as error:
        raise BadArchive(f"after {name!r}: {error}" if name else str(error)) from None


def _next(reader: Reader) -> Entry | None:
    """Return the next entry, with what the headers before its own have to say."""
    records, names = pax.Records(), dict[bytes, bytes]()
    for _ in range(_HEADERS):
        block = reader.block()
        if _is_end(block, reader):
            return None
        header = headers.unpacked(block)
        if header.type in (_LONG_NAME, _LONG_LINK):
            names[header.type] = headers.text(reader.text(header.size))
        elif header.type in _PAX:
            records += pax.unpacked(reader.text(header.size))
        elif header.type == _PAX_FOR_ALL:
            reader.text(header.size)  # of archives by git; no tool for images heeds it
        else:
            name = names.get(_LONG_NAME, header.name)
            link = names.get(_LONG_LINK, header.link)
            return _entry(reader, header._replace(name=name, link=link), records, block)
    raise BadArchive(f"an entry has more than {_HEADERS} headers")


def _is_end(block: bytes, reader: Reader) -> bool:
    """Say if no more files follow; that there is no mark of it is fine."""
    if block == headers.END:
        block = reader.block()
        if block not in (headers.END, b""):
            raise BadArchive("there is something between the two blocks of its end")
        return True
    if block and len(block) < BLOCK:
        raise BadArchive("the archive ends too early")
    return not block


def _entry(reader: Reader, header: Header, records: pax.Records, block: bytes) -> Entry:
    """Return an entry; what a pax header says goes before what its own does."""
    keys = dict(records)
    name = keys.get(b"GNU.sparse.name") or keys.get(b"path") or header.name
    kind = Kind.FILE if header.type == _SPARSE else _KINDS.get(header.type)
    if kind is None:
        raise BadArchive(
            f"{os.fsdecode(name)!r} is of an unknown type, {header.type!r}"
        )
    if kind is Kind.FILE and name.endswith(b"/"):
        kind = Kind.DIRECTORY  # as the oldest archives have them
    mtime = header.mtime * _SECOND
    if value := keys.get(b"mtime"):
        mtime = pax.nanoseconds(value)
    size, data = 0, None
    if kind is Kind.FILE:
        size, data = _data(reader, header, keys, records, block)
    link = keys.get(b"linkpath") or header.link
    return Entry(
        _text(name),
        kind,
        header.mode & 0o7777,
        _within(_number(keys, b"uid", header.uid), _IDS),
        _within(_number(keys, b"gid", header.gid), _IDS),
        size,
        _within(mtime, _TIMES),
        _text(link) if link else "",
        _xattrs(keys) if keys else {},
        header.device,
        data,
    )


def _data(
    reader: Reader,
    header: Header,
    keys: dict[bytes, bytes],
    records: pax.Records,
    block: bytes,
) -> tuple[int, Data]:
    """Return the size of a file, and its data."""
    stored = size = _within(_number(keys, b"size", header.size), _SIZES)
    parts = [(0, size)]
    if header.type == _SPARSE:
        size, parts = sparse.of_gnu(block, reader.block)
        reader.expect_data(stored)
    else:
        reader.expect_data(stored)
        if any(key.startswith(b"GNU.sparse.") for key in keys):
            size, parts, read = sparse.of_pax(keys, records, reader.data_block)
            stored -= read
    if sum(length for _, length in parts) != stored:
        raise BadArchive("the parts of a file with holes are not what is stored")
    return _within(size, _SIZES), Data(reader, parts, size)


def _number(keys: Mapping[bytes, bytes], key: bytes, otherwise: int) -> int:
    value = keys.get(key) if keys else None
    return pax.number(value) if value else otherwise


def _within(value: int, limits: range) -> int:
    if value not in limits:
        raise BadArchive(f"a header has a number that cannot be: {value}")
    return value


def _text(name: bytes) -> str:
    if len(name) > _NAME or b"\0" in name:
        raise BadArchive(f"a name is too long, or has a NUL: {name[:40]!r}")
    return os.fsdecode(name)


def _xattrs(keys: Mapping[bytes, bytes]) -> dict[str, bytes]:
    start = len(pax.XATTR)
    return {
        _text(key[start:]): value
        for key, value in keys.items()
        if key.startswith(pax.XATTR)
    }
