"""streams: copy what comes by TCP, without looking at it.

The bytes do not pass through our memory: `splice` moves the pages of one socket into a
pipe, and from there into the other socket.  See splice(2).
"""

import _socket
import errno
import fcntl
import posix
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Way = Callable[[], _socket.socket]  # makes a socket that is being connected

_MOST = 1 << 20  # bytes of a pipe; less where a user has too many of these
_AT_ONCE = 16  # times as much, before others have a turn
_NOW = 0x1 | 0x2  # SPLICE_F_MOVE | SPLICE_F_NONBLOCK
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_BREATH = 0.02  # seconds
_RESET = b"\1\0\0\0\0\0\0\0"  # struct linger: on, 0 seconds


_spare: "list[tuple[int, int]]" = []  # pipes in which nothing is


class Loop:
    """Calls what wants to know that a descriptor is ready."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._called: dict[int, tuple[int, Callable[[], None]]] = {}

    def watch(self, fd: int, events: int, call: "Callable[[], None]") -> None:
        """Call `call` whenever a descriptor is ready; for no events, no more.

        One for which nobody waits must not be asked about: that the other side hung up
        would be said again and again.
        """
        before = self._called.get(fd, (0, None))[0]
        if events:
            self._called[fd] = events, call
        else:
            self._called.pop(fd, None)
        if before and not events:
            self._poll.unregister(fd)
        elif events and not before:
            self._poll.register(fd, events)
        elif events != before:
            self._poll.modify(fd, events)

    def run(self) -> None:
        """Call what is to be called, until one of them raises."""
        while True:
            for fd, _ in self._poll.poll():
                if fd in self._called:
                    self._called[fd][1]()


class Streams:
    """Accepts connections, and makes one to somewhere else for each."""

    def __init__(
        self, loop: Loop, listener: _socket.socket, ways: "Sequence[Way]"
    ) -> None:
        self._loop, self._listener, self._ways = loop, listener, ways
        loop.watch(listener.fileno(), _IN, self._accept)

    def _accept(self) -> None:
        try:
            fd, _ = self._listener._accept()  # type: ignore[attr-defined]
        except OSError as error:
            if error.errno in _SHORT:
                time.sleep(_BREATH)  # until some of the others have ended
            return
        client = _socket.socket(fileno=fd)
        client.setblocking(False)
        _Connection(self._loop, client, list(self._ways))


class _Connection:
    """Two sockets, of which each gets what comes from the other."""

    def __init__(self, loop: Loop, client: _socket.socket, ways: "list[Way]") -> None:
        self._loop, self._client, self._ways = loop, client, ways
        self._there: _socket.socket | None = None
        self._flows: tuple[_Flow, ...] = ()
        self._try_next_way()

    def _try_next_way(self) -> None:
        """Connect; if no way is left, have the other side hear that nobody listens."""
        self._hang_up()
        try:
            self._there = self._ways.pop(0)()
        except (OSError, IndexError):
            _reset(self._client)
        else:
            self._loop.watch(self._there.fileno(), _OUT, self._connected)

    def _connected(self) -> None:
        there = self._there
        if not there or there.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
            self._try_next_way()
            return
        for end in (self._client, there):
            end.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._flows = _Flow(self._client, there), _Flow(there, self._client)
        self._move()

    def _move(self) -> None:
        try:
            for flow in self._flows:
                flow.move()
        except OSError:
            self._close()
            _reset(self._client)
            return
        if all(flow.ended for flow in self._flows):
            self._close()
            self._client.close()
        else:
            self._watch()

    def _watch(self) -> None:
        there, back = self._flows
        for end, out, into in ((self._client, there, back), (there.sink, back, there)):
            events = (_IN if out.waits_to_read else 0) | (_OUT if into.held else 0)
            self._loop.watch(end.fileno(), events, self._move)

    def _close(self) -> None:
        self._loop.watch(self._client.fileno(), 0, self._move)
        self._hang_up()
        for flow in self._flows:
            flow.close()

    def _hang_up(self) -> None:
        if self._there:
            self._loop.watch(self._there.fileno(), 0, self._move)
            self._there.close()
            self._there = None


class _Flow:
    """What goes from one socket to another; has a pipe while something is in it."""

    def __init__(self, source: _socket.socket, sink: _socket.socket) -> None:
        self._source, self.sink = source, sink
        self._pipe: tuple[int, int] | None = None
        self.held = 0  # bytes in the pipe
        self.ended = False

    @property
    def waits_to_read(self) -> bool:
        return not self.held and not self.ended

    def move(self) -> None:
        """Copy until one of the two has to be waited for, or others have a turn."""
        try:
            for _ in range(_AT_ONCE):
                if self.ended or not self._move():
                    break
        except BlockingIOError:
            pass
        if not self.held:
            self._give_back_the_pipe()

    def _move(self) -> bool:
        """Move what is in the pipe, or some more through it; say if that goes on."""
        out, into = self._take_a_pipe()
        if not self.held:
            self.held = posix.splice(self._source.fileno(), into, _MOST, flags=_NOW)
            if not self.held:
                self.ended = True
                self.sink.shutdown(_socket.SHUT_WR)
                return False
        sink = self.sink.fileno()
        self.held -= posix.splice(out, sink, self.held, flags=_NOW)
        return True

    def _take_a_pipe(self) -> "tuple[int, int]":
        if not self._pipe:
            self._pipe = _spare.pop() if _spare else _new_pipe()
        return self._pipe

    def _give_back_the_pipe(self) -> None:
        if self._pipe:
            _spare.append(self._pipe)
            self._pipe = None

    def close(self) -> None:
        """Drop what is still in the pipe, with the pipe."""
        for fd in self._pipe or ():
            posix.close(fd)
        self._pipe = None


def _new_pipe() -> "tuple[int, int]":
    pipe = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
    try:
        fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, _MOST)
    except OSError:
        pass  # 64 KB do as well, a little slower
    return pipe


def _reset(end: _socket.socket) -> None:
    """Close a connection so that the other side hears that something went wrong."""
    end.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET)
    end.close()
