r"""recorded: the owners of files where we can have but one, kept as an attribute.

Who has one user id cannot give a file to another.  So the owner that an image names
stands in `user.rootlesscontainers`, beside the file, in the form that umoci and other
tools without rights agreed on: two numbers of protobuf, the user and the group.

    >>> packed(0, 42), unpacked(b"\x10*")
    (b'\x10*', (0, 42))
"""

NAME = "user.rootlesscontainers"
_USER, _GROUP = 0x08, 0x10  # protobuf: fields 1 and 2, as numbers
_NOBODY_SAID = 0xFFFF_FFFF  # what umoci writes for a 0 beside a number that is not


def packed(uid: int, gid: int) -> bytes:
    """Return two ids as protobuf has them; a 0 is left out."""
    return b"".join(
        bytes([key]) + _varint(value)
        for key, value in ((_USER, uid), (_GROUP, gid))
        if value
    )


def unpacked(data: bytes) -> tuple[int, int]:
    """Return the user and the group; what makes no sense is 0."""
    ids = {_USER: 0, _GROUP: 0}
    at = 0
    while at < len(data) and data[at] in ids:
        key, value, shift = data[at], 0, 0
        for at in range(at + 1, len(data)):  # noqa: B020
            value |= (data[at] & 0x7F) << shift
            shift += 7
            if not data[at] & 0x80:
                break
        ids[key] = 0 if value >= _NOBODY_SAID else value
        at += 1
    return ids[_USER], ids[_GROUP]


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
