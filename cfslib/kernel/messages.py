"""messages: data with file descriptors, as SCM_RIGHTS in unix(7) describes.

`socket.recv_fds` has no use for its flags, and importing `socket` takes longer than a
container; so this is for all who are in a hurry.
"""

import _socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 4  # bytes of an int, which a descriptor is


def send(fd: int, data: bytes, descriptors: "Sequence[int]" = ()) -> None:
    """Send a message, now or not at all: `OSError` says why not."""
    packed = b"".join(number.to_bytes(SIZE, sys.byteorder) for number in descriptors)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)] if packed else []
    with _Borrowed(fd) as socket:
        socket.sendmsg([data], ancillary, _socket.MSG_DONTWAIT)


def receive(
    fd: int, size: int, descriptors: int, flags: int = 0
) -> "tuple[bytes, list[int]]":
    """Receive a message of at most so many bytes and descriptors, closed on exec.

    There are fewer descriptors than were sent if this process may not have as many.
    """
    space = _socket.CMSG_SPACE(SIZE * descriptors)
    with _Borrowed(fd) as socket:
        data, ancillary, _, _ = socket.recvmsg(
            size, space, flags | _socket.MSG_CMSG_CLOEXEC
        )
    packed = b"".join(content for _, _, content in ancillary)
    return data, memoryview(packed).cast("i").tolist()


class _Borrowed:
    """A socket of Python's for a descriptor that stays ours."""

    def __init__(self, fd: int) -> None:
        self._socket = _socket.socket(fileno=fd)

    def __enter__(self) -> _socket.socket:
        return self._socket

    def __exit__(self, *_: object) -> None:
        self._socket.detach()
