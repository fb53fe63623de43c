r"""pax: what a header of 512 bytes has no room for, as lines of text before it.

A line is `LENGTH KEY=VALUE`, and its length counts all of it.  Long names stand there,
times to the nanosecond, and extended attributes, which are not in the standard: all
tools took over star's `SCHILY.xattr.`.  See "pax Header Block" in pax(1p).

    >>> packed([(b"path", b"a/b")])
    b'12 path=a/b\n'
    >>> unpacked(_)
    [(b'path', b'a/b')]
"""

from collections.abc import Iterable

from cfslib.images.headers import BadArchive

XATTR = b"SCHILY.xattr."
_SECOND = 10**9
_DIGITS = 20  # more than any length or time has

Records = list[tuple[bytes, bytes]]


def unpacked(data: bytes) -> Records:
    """Return the keys and values of a pax header, in order."""
    records, at = [], 0
    while at < len(data):
        digits, space, _ = data[at : at + _DIGITS].partition(b" ")
        if not space or not digits.isdigit():
            raise BadArchive("a pax header has a line without a length")
        end = at + int(digits)
        line = data[at + len(digits) + 1 : end]
        key, equals, value = line[:-1].partition(b"=")
        if end > len(data) or line[-1:] != b"\n" or not equals or not key:
            raise BadArchive("a pax header has a line that is not KEY=VALUE")
        records.append((key, value))
        at = end
    return records


def packed(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a pax header."""
    return b"".join(_line(b" %s=%s\n" % record) for record in records)


def _line(rest: bytes) -> bytes:
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d%s" % (length, rest)


def number(value: bytes) -> int:
    """Read a number that cannot be negative."""
    if not value.isdigit() or len(value) > _DIGITS:
        raise BadArchive(f"{value[:_DIGITS]!r} in a pax header is not a number")
    return int(value)


def nanoseconds(value: bytes) -> int:
    """Read a time in seconds, with a fraction or without.

    >>> nanoseconds(b"-1.25")
    -1250000000
    """
    whole, _, fraction = value.removeprefix(b"-").partition(b".")
    digits = fraction[:9].ljust(9, b"0")
    if not (whole.isdigit() and digits.isdigit() and len(whole) < _DIGITS):
        raise BadArchive(f"{value[:_DIGITS]!r} in a pax header is not a time")
    time = int(whole) * _SECOND + int(digits)
    return -time if value.startswith(b"-") else time


def seconds(time: int) -> bytes:
    """Write a time that is given in nanoseconds."""
    whole, fraction = divmod(abs(time), _SECOND)
    digits = b"%d.%09d" % (whole, fraction)
    return b"-" * (time < 0) + digits.rstrip(b"0").rstrip(b".")
