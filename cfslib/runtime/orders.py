"""orders: tell a PID 1 that is ready what it was made for.

The play server may make a container before it knows the command.  PID 1 then waits,
under another name, for one message: the command, and where it reads and prints.
"""

import _socket
import marshal
import posix as os

from cfslib.kernel import libc, messages
from cfslib.runtime import pid1, program
from cfslib.runtime.player import Deviation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cfslib.runtime.player import Order

WAITING = b"cfs-ahead"  # the name of a PID 1 that has no command yet
LARGEST = 1 << 17  # bytes: a socket takes more than that at once
STREAMS = 3  # standard input, output and error


def give(channel: int, order: "Order", streams: "Sequence[int]") -> None:
    """Send what to run, and file descriptors for its standard streams."""
    argv, environ = order
    socket = _socket.socket(fileno=channel)
    try:
        messages.send(socket, marshal.dumps((argv, dict(environ))), streams)
    except OSError:
        raise Deviation("PID 1 did not take its orders") from None
    finally:
        socket.detach()


def take(path: str) -> "Order":
    """Wait for what to run, as PID 1, and have the streams that came with it.

    `path` is where the command will be looked for.
    """
    libc.prctl(pid1.SET_NAME, WAITING)
    # Memory shared with the server is copied when it is used first: do that now.
    for name in ("/", "no such program"):
        try:
            program.find(name, path)
        except OSError:
            pass
    socket = _socket.socket(fileno=pid1.CHANNEL)
    data, streams = messages.receive(socket, LARGEST, STREAMS)
    socket.detach()
    libc.prctl(pid1.SET_NAME, pid1.NAME)
    if len(streams) != STREAMS:
        raise Deviation  # the maker has ended, or we may not have them open
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    order: Order = marshal.loads(data)
    return order
