"""door: where those come in who join a container that its monitor keeps.

A socket that keeps messages whole.  A guest says what is typed and how large his window
is, and hears what is printed:

    guest                          monitor
    TYPED + bytes        ---->     types it
    WINDOW + rows, columns  -->    gives the terminal that size
                         <----     stdout or stderr, a space, bytes

One who does not listen misses what is too much to hold: the container does not wait for
him, and the log has all of it.
"""

import _socket
import errno
import posix
import select
import sys

from cfslib.images import ours
from cfslib.runtime.relay import PASTED, Flow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "door"
TYPED, WINDOW = b"t", b"w"
LARGEST = 1 << 14  # bytes of a message
_HELD = 1 << 20  # bytes that are held for a guest
_WAITING = 16  # guests at once before the door
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
_FAREWELL = 0.5  # seconds for a guest to take what is left, at the end


class Keyboard(Flow):
    """What guests have typed, on its way to the container."""

    def __init__(self, sink: int) -> None:
        super().__init__(-1, sink, PASTED)
        self.is_open = False  # there is nothing to read from

    def has_room(self) -> bool:
        """Say if more may be typed."""
        return len(self.held) < self.most

    def step(self, ready: "set[int]") -> None:
        """Write as far as that does not block; it is no harm if nobody reads."""
        try:
            super().step(ready)
        except BrokenPipeError:
            self.held = b""


class Guest:
    """One who has joined."""

    def __init__(self, fd: int) -> None:
        self.socket = _socket.socket(fileno=fd)
        self.socket.setblocking(False)
        self._held: list[bytes] = []
        self._size = 0

    def tell(self, message: bytes) -> None:
        """Tell him as soon as he listens, unless that is too much."""
        if self._size < _HELD:
            self._held.append(message)
            self._size += len(message)

    def waits(self) -> bool:
        """Say if there is something that he has not taken."""
        return bool(self._held)

    def flush(self) -> bool:
        """Hand over what there is; say whether he is still there."""
        try:
            while self._held:
                self.socket.send(self._held[0])
                self._size -= len(self._held.pop(0))
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True


class Door(Flow):
    """Lets guests in, and passes on what they say."""

    def __init__(
        self, directory: str, keyboard: "Keyboard | None", window: "Callable[..., None]"
    ) -> None:
        super().__init__(-1, -1)
        self._keyboard, self._window = keyboard, window
        self._guests: dict[int, Guest] = {}
        self._is_full = False  # until one leaves: we may open no more
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        ours.remove(f"{directory}/{NAME}")  # of a run before
        with At(directory) as path:
            self._socket.bind(path)
        self._socket.listen(_WAITING)

    def events(self) -> "list[tuple[int, int]]":
        """Return what to wait for, as `poll` has it."""
        may_type = not self._keyboard or self._keyboard.has_room()
        events = [] if self._is_full else [(self._socket.fileno(), select.POLLIN)]
        for fd, guest in self._guests.items():
            if may_type:
                events.append((fd, select.POLLIN))
            events.append((fd, select.POLLOUT if guest.waits() else 0))
        return events

    def step(self, ready: "set[int]") -> None:
        """Do what does not block."""
        if self._socket.fileno() in ready:
            self._let_in()
        for fd in ready & set(self._guests):
            guest = self._guests[fd]
            if not guest.flush() or not self._hear(guest):
                self._guests.pop(fd).socket.close()
                self._is_full = False

    def _let_in(self) -> None:
        try:
            fd, _ = self._socket._accept()  # type: ignore[attr-defined]
        except OSError as error:
            self._is_full = error.errno in _NO_ROOM  # else he has gone
            return
        self._guests[fd] = Guest(fd)

    def _hear(self, guest: Guest) -> bool:
        """Take what a guest says; say whether he is still there."""
        try:
            message = guest.socket.recv(LARGEST)
        except BlockingIOError:
            return True
        except OSError:
            return False
        kind, data = message[:1], message[1:]
        if kind == TYPED and self._keyboard:
            self._keyboard.held += data
        elif kind == WINDOW and len(data) == 4:
            self._window(*memoryview(data).cast("H"))
        return bool(message)

    def tell(self, stream: bytes, data: bytes) -> None:
        """Tell all guests what was printed."""
        for guest in self._guests.values():
            guest.tell(stream + b" " + data)

    def close(self) -> None:
        """Let all guests go, when they have taken what is left."""
        self._socket.close()
        for guest in self._guests.values():
            if guest.waits():
                guest.socket.settimeout(_FAREWELL)
                guest.flush()
            guest.socket.close()


class At:
    """A path to the door in a directory that is short enough for a socket: unix(7)."""

    def __init__(self, directory: str) -> None:
        self._fd = posix.open(directory, posix.O_PATH | posix.O_CLOEXEC)

    def __enter__(self) -> str:
        return f"/proc/self/fd/{self._fd}/{NAME}"

    def __exit__(self, *_: object) -> None:
        posix.close(self._fd)


def window(rows: int, columns: int) -> bytes:
    """Return the message that tells the size of a window."""
    return WINDOW + b"".join(n.to_bytes(2, sys.byteorder) for n in (rows, columns))
