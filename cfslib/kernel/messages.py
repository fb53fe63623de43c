"""messages: sent with file descriptors, as SCM_RIGHTS in unix(7) describes.

`socket.recv_fds` has no use for its flags, and `socket` takes longer to import than a
container takes to start.
"""

import _socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 4  # bytes of an int, which a descriptor is


def send(socket: _socket.socket, data: bytes, descriptors: "Sequence[int]") -> None:
    """Send a message, now or not at all: `OSError` says why not."""
    packed = b"".join(fd.to_bytes(SIZE, sys.byteorder) for fd in descriptors)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)]
    socket.sendmsg([data], ancillary, _socket.MSG_DONTWAIT)


def receive(
    socket: _socket.socket, size: int, descriptors: int, flags: int = 0
) -> "tuple[bytes, list[int]]":
    """Receive a message of at most so many bytes and descriptors, closed on exec.

    There are fewer descriptors than were sent if this process may not have as many.
    """
    data, ancillary, _, _ = socket.recvmsg(
        size, _socket.CMSG_SPACE(SIZE * descriptors), flags | _socket.MSG_CMSG_CLOEXEC
    )
    packed = b"".join(content for _, _, content in ancillary)
    return data, memoryview(packed).cast("i").tolist()
