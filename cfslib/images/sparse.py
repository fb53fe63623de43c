"""sparse: files with holes, of which an archive has only what lies between them.

GNU tar has written them in four ways.  The oldest has the places in the header and in
blocks after it; the three for pax in two keys a place, in one key, or in front of the
data.  See "Storing Sparse Files" in the manual of GNU tar.  Image builders write none,
but what people make an image of with `tar -S` has them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from cfslib.images import pax
from cfslib.images.headers import BLOCK, BadArchive, number

Parts = list[tuple[int, int]]  # where data lies in a file, and how much

_LIMIT = 100_000  # parts of one file
_IN_HEADER = slice(386, 482)
_IN_BLOCK = slice(0, 504)
_GOES_ON = {_IN_HEADER.stop: 482, _IN_BLOCK.stop: 504}  # the byte after the places
_SIZE = slice(483, 495)


def of_gnu(block: bytes, read_block: Callable[[], bytes]) -> tuple[int, Parts]:
    """Return the size and the parts of a file of type S, the oldest way."""
    size, where, parts = number(block[_SIZE]), _IN_HEADER, Parts()
    while True:
        parts += _places(block[where])
        if not block[_GOES_ON[where.stop]]:
            return size, checked(parts, size)
        if len(parts) > _LIMIT:
            raise BadArchive(f"a file has more than {_LIMIT} holes")
        block, where = read_block(), _IN_BLOCK


def _places(field: bytes) -> Iterator[tuple[int, int]]:
    for at in range(0, len(field), 24):
        if field[at : at + 24].strip(b"\0"):
            yield number(field[at : at + 12]), number(field[at + 12 : at + 24])


def of_pax(
    keys: Mapping[bytes, bytes], records: pax.Records, read_block: Callable[[], bytes]
) -> tuple[int, Parts, int]:
    """Return the size and the parts of a file, and how long a list before them is."""
    if keys.get(b"GNU.sparse.major") == b"1":
        size = pax.number(keys.get(b"GNU.sparse.realsize", b""))
        parts, read = _in_front(read_block)
        return size, checked(parts, size), read
    size = pax.number(keys.get(b"GNU.sparse.size", b""))
    if b"GNU.sparse.map" in keys:
        values = keys[b"GNU.sparse.map"].split(b",")
    else:
        names = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
        values = [value for key, value in records if key in names]
    return size, checked(_pairs(map(pax.number, values)), size), 0


def _in_front(read_block: Callable[[], bytes]) -> tuple[Parts, int]:
    """Read the places from lines in front of the data, whose number comes first."""
    lines: list[bytes] = []
    rest, read, wanted = b"", 0, 1
    while len(lines) < wanted:
        block = read_block()
        read += BLOCK
        *more, rest = (rest + block).split(b"\n")
        lines += more
        if lines:
            wanted = 1 + 2 * min(pax.number(lines[0]), _LIMIT + 1)
        if wanted > 2 * _LIMIT or len(rest) >= BLOCK:
            raise BadArchive(f"a file has more than {_LIMIT} holes, or no list of them")
    return _pairs(map(pax.number, lines[1:wanted])), read


def _pairs(numbers: Iterable[int]) -> Parts:
    values = list(numbers)
    return list(zip(values[::2], values[1::2], strict=False))


def checked(parts: Parts, size: int) -> Parts:
    """Return parts that follow one another, and lie in a file of this size."""
    end = 0
    for offset, length in parts:
        if offset < end or length < 0 or offset + length > size:
            raise BadArchive("the parts of a file with holes lie where they cannot")
        end = offset + length
    return parts
