"""headers: the blocks of 512 bytes that say what follows in a tar archive.

An archive is a row of such blocks.  The first of a file has its name, its owner, its
mode, its size; as many as its size takes come next.  Numbers are octal digits; what
they cannot say, binary.  See tar(5), and "ustar Interchange Format" in pax(1p).

    >>> block = packed(name=b"etc/motd", mode=0o644, size=12)
    >>> unpacked(block).name, unpacked(block).size
    (b'etc/motd', 12)
"""

import functools
import struct
from typing import NamedTuple

BLOCK = 512
END = bytes(BLOCK)  # two of them say that no more files follow
_FIELDS = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_CHECKSUM = slice(148, 156)
_USTAR = b"ustar\x0000"
_STAR, _STAR_PREFIX = b"tar\0", 131  # a prefix of star(1) is shorter: times follow it
_BINARY, _NEGATIVE = 0x80, 0x40  # in the first byte: what follows are not digits
_DEVICES = (b"3", b"4")


class BadArchive(ValueError):
    """An archive that is damaged, or made to do damage."""


class Header(NamedTuple):
    """What one block says."""

    name: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    type: bytes
    link: bytes
    device: tuple[int, int]


def unpacked(block: bytes) -> Header:
    """Return what a block says."""
    name, mode, uid, gid, size, mtime, checksum, kind, link, *rest = _FIELDS.unpack(
        block
    )
    if number(checksum) != sum(block) - sum(block[_CHECKSUM]) + 8 * 32:
        raise BadArchive(
            "this is no tar archive, or it is damaged: a checksum is wrong"
        )
    name = text(name)
    if rest[-1][0] and rest[0].startswith(b"ustar\0"):
        name = _prefix(block, rest[-1]) + b"/" + name
    device = (number(rest[3]), number(rest[4])) if kind in _DEVICES else (0, 0)
    return Header(
        name,
        _repeated(mode),
        _repeated(uid),
        _repeated(gid),
        number(size),
        _repeated(mtime),
        kind,
        text(link),
        device,
    )


def _prefix(block: bytes, prefix: bytes) -> bytes:
    return text(prefix[:_STAR_PREFIX] if block.endswith(_STAR) else prefix)


def text(field: bytes) -> bytes:
    """Return what stands before the first NUL."""
    return field.partition(b"\0")[0]


def number(field: bytes) -> int:
    """Read a number: octal digits, or binary as GNU tar writes what is large."""
    digits = field.rstrip(b" \0")
    if not digits.isdigit():
        if field[0] & _BINARY:
            return _binary(field)
        digits = text(field).strip(b" ") or b"0"
    if not digits.isdigit():
        raise BadArchive(f"{digits!r} is not a number")
    try:
        return int(digits, 8)
    except ValueError:
        raise BadArchive(f"{digits!r} is not an octal number") from None


_repeated = functools.lru_cache(256)(number)  # most files of an archive have the same


def _binary(field: bytes) -> int:
    if field[0] & _NEGATIVE:
        return int.from_bytes(field, "big", signed=True)
    return int.from_bytes(field[1:], "big") | (field[0] & 0x3F) << 8 * (len(field) - 1)


def packed(
    *,
    name: bytes,
    kind: bytes = b"0",
    mode: int = 0,
    uid: int = 0,
    gid: int = 0,
    size: int = 0,
    mtime: int = 0,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """Return a block; what does not fit into it is for a pax header to say."""
    numbers = [_digits(value, 8) for value in (mode, uid, gid)]
    numbers += [_digits(value, 12) for value in (size, mtime)]
    nodes = [_digits(value, 8) for value in device]
    fields = [name, *numbers, b" " * 8, kind, link, _USTAR, b"", b"", *nodes, b""]
    block = _FIELDS.pack(*fields)
    checksum = b"%06o\0 " % sum(block)
    return block[: _CHECKSUM.start] + checksum + block[_CHECKSUM.stop :]


def fits(value: int, width: int) -> bool:
    """Say if a number can be written in a field of so many bytes, with a NUL."""
    return 0 <= value < 1 << 3 * (width - 1)


def _digits(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value if fits(value, width) else 0)
