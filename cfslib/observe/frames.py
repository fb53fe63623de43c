"""frames: what passes by the interfaces of network namespaces.

A packet socket gets a copy of each frame that an interface sends or gets: one on lo
twice therefore, and one that a bridge passes on at both ports, but not at the bridge
itself.  That sees what is for it, and for all.  It takes CAP_NET_RAW.  IPv6, and what
routers say to groups of each other when they come up, is left out here.

Manual pages: packet(7), tcpdump(8), which is made of the same.
"""

import socket
import struct
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from cfslib.isolation.network import alone
from cfslib.observe import spaces
from cfslib.observe.spaces import Space

OUT, IN = "out", "in"
_ALL, _IPV4, _ARP = 3, 0x0800, 0x0806  # ETH_P_... in <linux/if_ether.h>
_OUTGOING = 4  # PACKET_OUTGOING in <linux/if_packet.h>
_TIMESTAMPS = 35  # SO_TIMESTAMPNS in <asm-generic/socket.h>
_TRIES = 1000  # of 1 ms each, until the kernel has begun to write down times
_GROUPS = bytes([224])  # the first byte of the least address of a group
_LARGEST = 1 << 16  # of several packets at once: an interface may cut them up itself
_ICMP, _TCP, _UDP = 1, 6, 17  # IPPROTO_...
_REPLY, _UNREACHABLE, _REQUEST = 0, 3, 8  # kinds of ICMP
_FLAGS = ((0x02, "SYN"), (0x10, "ACK"), (0x01, "FIN"), (0x04, "RST"))


@dataclass(frozen=True)
class Frame:
    """A frame that was seen at an interface, on its way in or out."""

    space: str
    link: str
    way: str
    text: str
    source: str  # the address that it says it is from
    target: str  # and the one that it is for

    def __str__(self) -> str:
        return f"{self.space:7} {self.link:5} {self.way:3}  {self.text}"


class Listener:
    """Sees all frames in some network namespaces, from the `with` line on."""

    def __init__(self, *spaces: Space) -> None:
        self._spaces = spaces
        self._sockets: list[tuple[Space, socket.socket]] = []

    def __enter__(self) -> Self:
        spaces.settle()
        with ExitStack() as made:
            for space in self._spaces:
                self._sockets.append((space, made.enter_context(_opened(space))))
            _wait_for_the_clock()
            self._opened = made.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def seen(self) -> list[Frame]:
        """Return the frames since the last time, in the order of the kernel's clock."""
        found: list[tuple[int, Frame]] = []
        for space, opened in self._sockets:
            found += _read(space, opened)
        return [frame for _, frame in sorted(found, key=lambda pair: pair[0])]


def _opened(space: Space) -> socket.socket:
    with space:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    opened.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
    opened.setblocking(False)
    return opened


def _wait_for_the_clock() -> None:
    """Wait until frames get the time at which they come.

    The kernel begins with that a moment after it was first asked.  Until then, a frame
    gets the time at which somebody reads it.
    """
    clock = Space("clock")
    with clock:
        alone.bring_up()
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with probe:
        probe.bind(("127.0.0.1", 0))
        probe.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        for _ in range(_TRIES):
            probe.sendto(b"", probe.getsockname())
            sent = time.time_ns()
            if _when(probe.recvmsg(1, 64)[1]) < sent:
                break
            time.sleep(0.001)
    clock.close()


def _when(extra: list[tuple[int, int, bytes]]) -> int:
    """Return the time in a message's control data, in ns."""
    seconds, nanoseconds = struct.unpack_from("qq", extra[0][2])
    return int(seconds * 1_000_000_000 + nanoseconds)


def _read(space: Space, opened: socket.socket) -> list[tuple[int, Frame]]:
    found: list[tuple[int, Frame]] = []
    while True:
        try:
            data, extra, _, where = opened.recvmsg(_LARGEST, 64)
        except BlockingIOError:
            return found
        told = in_words(data)
        if told:
            way = OUT if where[2] == _OUTGOING else IN
            frame = Frame(space.name, where[0], way, *told)
            found.append((_when(extra), frame))


def in_words(data: bytes) -> tuple[str, str, str] | None:
    r"""Return what a frame says, from whom and to whom; None if it is no IPv4.

    >>> in_words(bytes(12) + b"\x86\xdd")
    """
    kind = int.from_bytes(data[12:14], "big")
    if kind == _ARP:
        return _arp(data[14:])
    is_for_a_group = data[30:31] >= _GROUPS
    return _ipv4(data[14:]) if kind == _IPV4 and not is_for_a_group else None


def _arp(data: bytes) -> tuple[str, str, str]:
    source, target = _address(data[14:18]), _address(data[24:28])
    if data[7] == 1:
        return f"ARP who has {target}? tell {source}", source, target
    return f"ARP {source} is me", source, target


def _ipv4(data: bytes) -> tuple[str, str, str]:
    source, target = _address(data[12:16]), _address(data[16:20])
    what = _what(data[9], data[(data[0] & 15) * 4 :])
    return f"{source} > {target} {what}", source, target


def _what(protocol: int, data: bytes) -> str:
    if protocol == _ICMP:
        kinds = {_REQUEST: "echo request", _REPLY: "echo reply"}
        return kinds.get(data[0], "unreachable" if data[0] == _UNREACHABLE else "ICMP")
    if protocol not in (_TCP, _UDP):
        return f"protocol {protocol}"
    port = int.from_bytes(data[2:4], "big")
    if protocol == _UDP:
        return f"UDP to port {port}"
    names = [name for bit, name in _FLAGS if data[13] & bit]
    return f"TCP to port {port} {' '.join(names)}".rstrip()


def _address(packed: bytes) -> str:
    return socket.inet_ntoa(packed)
