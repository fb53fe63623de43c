"""headers: the blocks of 512 bytes that say what follows in a tar archive.

An archive is a row of such blocks.  The first of a file has its name, its owner, its
mode, its size; as many as its size takes come next.  Numbers are octal digits; what
they cannot say, binary.  See tar(5), and "ustar Interchange Format" in pax(1p).

    >>> block = packed(name=b"etc/motd", mode=0o644, size=12)
    >>> unpacked(block).name, unpacked(block).size
    (b'etc/motd', 12)
"""

import struct
from typing import NamedTuple

BLOCK = 512
END = bytes(BLOCK)  # two of them say that no more files follow
_FIELDS = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_CHECKSUM = slice(148, 156)
_USTAR = b"ustar\x0000"
_STAR, _STAR_PREFIX = b"tar\0", 131  # a prefix of star(1) is shorter: times follow it
_BINARY = 0x80  # in the first byte: the others are a number, and not digits


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
    (
        name,
        mode,
        uid,
        gid,
        size,
        mtime,
        checksum,
        kind,
        link,
        magic,
        _,
        _,
        major,
        minor,
    ) = (fields := _FIELDS.unpack(block))[:14]
    if number(checksum) != sum(block) - sum(block[_CHECKSUM]) + 8 * 32:
        raise BadArchive(
            "this is no tar archive, or it is damaged: a checksum is wrong"
        )
    name = text(name)
    if magic.startswith(b"ustar\0") and (prefix := _prefix(block, fields[14])):
        name = prefix + b"/" + name
    return Header(
        name,
        number(mode),
        number(uid),
        number(gid),
        number(size),
        number(mtime),
        kind,
        text(link),
        (number(major), number(minor)) if kind in b"34" else (0, 0),
    )


def _prefix(block: bytes, prefix: bytes) -> bytes:
    return text(prefix[:_STAR_PREFIX] if block.endswith(_STAR) else prefix)


def text(field: bytes) -> bytes:
    """Return what stands before the first NUL."""
    return field.partition(b"\0")[0]


def number(field: bytes) -> int:
    """Read a number: octal digits, or binary as GNU tar writes what is large."""
    if field[0] & _BINARY:
        value = int.from_bytes(field, "big", signed=True)
        bits = 8 * len(field) - 1
        return value if field[0] & 0x40 else value & ((1 << bits) - 1)
    digits = text(field).strip(b" ")
    if not digits:
        return 0
    if not digits.isdigit():
        raise BadArchive(f"{digits!r} is not a number")
    try:
        return int(digits, 8)
    except ValueError:
        raise BadArchive(f"{digits!r} is not an octal number") from None


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
