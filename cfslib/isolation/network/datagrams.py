"""datagrams: copy what comes by UDP, and bring the answers back.

There are no connections, so each sender has a socket of ours, by which its answers come
back, until it was silent for a while.  They come from the address that was asked, or
nobody would take them for answers: a host may have many.

Manual pages: ip(7), ipv6(7).
"""

import _socket
import select
import struct
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
# By family, what has each message tell to which address it came.  <linux/in.h>, in6.h
_ASKED = {
    _socket.AF_INET: (_socket.IPPROTO_IP, 8),  # IP_PKTINFO
    _socket.AF_INET6: (_socket.IPPROTO_IPV6, 49),  # IPV6_RECVPKTINFO
}
_TOLD4, _TOLD6 = 8, 50  # IP_PKTINFO, IPV6_PKTINFO
_ROOM = 64  # bytes for what comes beside a message
_IPV4 = struct.Struct("=i4s4s")  # struct in_pktinfo: link, our address, the one asked
_IPV6 = struct.Struct("=16si")  # struct in6_pktinfo
_MULTICAST, _LINK_LOCAL = 0xFF, 0xFE  # how such an address begins


class Datagrams:
    """Passes messages on to somewhere else, and the answers back."""

    def __init__(
        self, loop: "Loop", listener: _socket.socket, ways: "Sequence[Way]"
    ) -> None:
        # Nobody says whether the first way leads to anybody.
        self._loop, self._listener, self._connect = loop, listener, ways[0]
        # By sender, the one that spoke last at the end.
        self._senders: dict[Any, tuple[_socket.socket, float]] = {}
        level, option = _ASKED[listener.family]
        listener.setsockopt(level, option, 1)
        loop.watch(listener.fileno(), select.EPOLLIN, self._pass_on)

    def _pass_on(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, told, _, sender = self._listener.recvmsg(_LARGEST, _ROOM)
                asked = [answer for one in told if (answer := _answer_to(*one))]
                self._socket_of((sender, *asked)).send(data)
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
                there.fileno(), select.EPOLLIN, lambda: self._answer(there, *sender)
            )
        self._senders[sender] = there, time.monotonic()
        return there

    def _answer(self, there: _socket.socket, sender: "Any", *asked: "Any") -> None:
        for _ in range(_AT_ONCE):
            try:
                self._listener.sendmsg([there.recv(_LARGEST)], asked, 0, sender)
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


def _answer_to(level: int, kind: int, data: bytes) -> "tuple[int, int, bytes] | None":
    """Return what an answer is sent with, so that it comes from where was asked.

    A link is named for an address of one link alone, and nobody answers from one of
    many.
    """
    if (level, kind) == (_socket.IPPROTO_IP, _TOLD4):
        _, ours, _ = _IPV4.unpack_from(data)
        return level, kind, _IPV4.pack(0, ours, bytes(4))
    if (level, kind) == (_socket.IPPROTO_IPV6, _TOLD6):
        asked, link = _IPV6.unpack_from(data)
        is_of_a_link = asked[0] == _LINK_LOCAL and asked[1] & 0xC0 == 0x80
        if asked[0] != _MULTICAST:
            return level, kind, _IPV6.pack(asked, link if is_of_a_link else 0)
    return None
