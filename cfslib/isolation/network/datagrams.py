"""datagrams: copy what comes by UDP, and bring the answers back.

There are no connections, so each sender has a socket of ours, by which its answers come
back, until it was silent for a while.
"""

import _socket
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cfslib.isolation.network.streams import Loop, Way

_LARGEST = 1 << 16
_MOST = 512  # senders; who was silent for longest makes room
_SILENCE = 60  # seconds
_AT_ONCE = 64  # messages, before others have a turn


class Datagrams:
    """Passes messages on to somewhere else, and the answers back."""

    def __init__(
        self, loop: "Loop", listener: _socket.socket, ways: "Sequence[Way]"
    ) -> None:
        # Nobody says whether the first way leads to anybody.
        self._loop, self._listener, self._connect = loop, listener, ways[0]
        # By sender, the one that spoke last at the end.
        self._senders: dict[Any, tuple[_socket.socket, float]] = {}
        loop.watch(listener.fileno(), select.EPOLLIN, self._pass_on)

    def _pass_on(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, sender = self._listener.recvfrom(_LARGEST)
                self._socket_of(sender).send(data)
            except BlockingIOError:
                return
            except OSError:
                pass  # it gets lost, as any may

    def _socket_of(self, sender: "Any") -> _socket.socket:
        there, _ = self._senders.pop(sender, (None, 0.0))
        if not there:
            self._make_room()
            there = self._connect()
            self._loop.watch(
                there.fileno(), select.EPOLLIN, lambda: self._answer(there, sender)
            )
        self._senders[sender] = there, time.monotonic()
        return there

    def _answer(self, there: _socket.socket, sender: "Any") -> None:
        for _ in range(_AT_ONCE):
            try:
                self._listener.sendto(there.recv(_LARGEST), sender)
            except BlockingIOError:
                return
            except OSError:
                pass  # nobody listens there

    def _make_room(self) -> None:
        """Forget those who were silent, and in need the one who was so for longest."""
        now = time.monotonic()
        for sender, (there, heard) in list(self._senders.items()):
            if now - heard < _SILENCE and len(self._senders) < _MOST:
                return
            self._loop.watch(there.fileno(), 0, self._pass_on)
            there.close()
            del self._senders[sender]
