"""attached: join our streams to a container that a monitor keeps, and leave it again.

What is typed goes to the monitor, and what it says is printed: see `door`.  If the
container has a terminal, ours gives it every key, but Ctrl-P Ctrl-Q, which leaves.
"""

import _signal as signal
import _socket
import posix
import select

from cfslib.kernel.held import Held
from cfslib.runtime import door, terminal
from cfslib.runtime.lifeline import SignalsPassedOn
from cfslib.runtime.logbook import STDERR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.runtime.state import State

LEAVE = b"\x10\x11"  # Ctrl-P Ctrl-Q, as Docker has it
_PIECE = door.LARGEST - 1


class Keys:
    """Find the two keys in what is typed; the first may come alone at the end."""

    def __init__(self) -> None:
        self._held = b""

    def take(self, typed: bytes) -> "tuple[bytes, bool]":
        r"""Return what is meant for the container, and whether we are to leave.

        >>> keys = Keys()
        >>> keys.take(b"ls\r\x10"), keys.take(b"x"), keys.take(b"a\x10\x11b")
        ((b'ls\r', False), (b'\x10x', False), (b'a', True))
        """
        text = self._held + typed
        before, leave, _ = text.partition(LEAVE)
        if leave:
            return before, True
        self._held = LEAVE[:1] if text.endswith(LEAVE[:1]) else b""
        return text[: len(text) - len(self._held)], False


def join(state: "State") -> bool:
    """Join a container; return whether it has ended, or else we have left it."""
    spec = state.spec()
    with Held() as held:
        guest = held.enter(_Guest(state.path))
        if spec.terminal and posix.isatty(0):
            guest.keys = Keys()
            held.enter(terminal.Raw(0))
            held.enter(_WindowIsTold(guest))
        elif pid1 := state.pid1():
            held.enter(SignalsPassedOn(pid1.pid))
        return guest.copy(reads=spec.terminal or spec.interactive)


class _Guest:
    """Our end of the socket."""

    def __init__(self, directory: str) -> None:
        self.keys: Keys | None = None  # that leave, if there are any
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        with door.At(directory) as path:
            self._socket.connect(path)

    def __enter__(self) -> "_Guest":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, message: bytes) -> bool:
        """Say something; return whether anybody has heard it."""
        try:
            self._socket.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def copy(self, *, reads: bool) -> bool:
        """Copy until the container ends, or we leave; return whether it has ended."""
        events, socket = select.poll(), self._socket.fileno()
        events.register(socket, select.POLLIN)
        if reads:
            events.register(0, select.POLLIN)
        while True:
            ready = {fd for fd, _ in events.poll()}
            if socket in ready and not self._print():
                return True
            if 0 in ready:
                typed = posix.read(0, _PIECE)
                if not typed:
                    events.unregister(0)  # others may still type
                elif self._type(typed):
                    return False

    def _print(self) -> bool:
        """Print what was printed; return whether there may be more."""
        try:
            message = self._socket.recv(1 << 16)
        except ConnectionResetError:
            message = b""
        stream, _, data = message.partition(b" ")
        while data:
            data = data[posix.write(2 if stream == STDERR else 1, data) :]
        return bool(message)

    def _type(self, typed: bytes) -> bool:
        """Pass on what was typed; return whether we are to leave."""
        leave = False
        if self.keys:
            typed, leave = self.keys.take(typed)
        if typed:
            self.say(door.TYPED + typed)
        return leave


class _WindowIsTold:
    """Have the container's terminal be as large as ours, now and whenever that changes.

    First it gets another size: a program that is told of a new one paints anew.
    """

    def __init__(self, guest: _Guest) -> None:
        self._guest = guest

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGWINCH, self._tell)
        rows, columns = terminal.size_of(0)
        self._guest.say(door.window(rows ^ 1, columns))  # it has 16 bits
        self._tell()

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGWINCH, self._before)

    def _tell(self, *_: object) -> None:
        self._guest.say(door.window(*terminal.size_of(0)))
