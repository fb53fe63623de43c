"""spaces: network namespaces to try things in, all held by one process.

A process is in one network namespace.  But it may hold others, by a descriptor, go
there and come back.  What it opens there stays there: a socket belongs to the network
namespace in which it was made.  A namespace ends when nobody holds it any more, and so
does every interface that is in it.

Manual pages: network_namespaces(7), veth(4), icmp(7).
"""

import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Self, TypeVar

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.namespaces import Namespace
from cfslib.isolation.network import links
from cfslib.isolation.network.links import Link
from cfslib.kernel import syscalls
from cfslib.kernel.netlink import Netlink

T = TypeVar("T")

PATIENCE = 0.3  # seconds for an answer; in here it takes less than one thousandth
LONGER = 2  # seconds for an interface to hear of its other end
_OURS = "/proc/self/ns/net"
_NEW_LINK, _GET_LINK = 16, 18  # RTM_... in <linux/rtnetlink.h>
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_RUNNING, _LOWER_UP = 0x40, 0x10000  # IFF_... in <linux/if.h>
_REPLY, _UNREACHABLE, _ECHO = 0, 3, 8  # kinds of ICMP messages


class Space:
    """A network namespace of its own, as long as somebody holds it."""

    def __init__(self, name: str) -> None:
        self.name = name
        home = _hold()
        syscalls.unshare(Namespace.NET)
        self.fd = _hold()
        _go_back(home)
        self._before: list[int] = []
        _held.append(self)

    def __enter__(self) -> Self:
        self._before.append(_hold())
        syscalls.setns(self.fd, Namespace.NET)
        return self

    def __exit__(self, *_: object) -> None:
        _go_back(self._before.pop())

    def close(self) -> None:
        """Hold it no more, as when the last process of a container ends."""
        _held.remove(self)
        os.close(self.fd)


_held: list[Space] = []


def _hold() -> int:
    return os.open(_OURS, os.O_RDONLY | os.O_CLOEXEC)


def _go_back(home: int) -> None:
    syscalls.setns(home, Namespace.NET)
    os.close(home)


def alone(func: Callable[[], T]) -> T:
    """Call `func` in a child, as root of a user and a network namespace of its own."""

    def child() -> T:
        idmaps.unshare_as_root(Namespace.NET)
        return func()

    return in_child(child)


def link(name: str) -> Link:
    """Return an interface of the network namespace that we are in."""
    with Netlink() as asked:
        found = links.find(asked, name)
    if not found:
        raise LookupError(f"there is no interface {name} here")
    return found


def settle() -> None:
    """Wait until every interface knows what has become of its other end.

    The kernel tells it a moment later, and until then it sends nothing.
    """
    end = time.monotonic() + LONGER
    while not all(map(_has_settled, _held)) and time.monotonic() < end:
        time.sleep(0.001)


def _has_settled(space: Space) -> bool:
    """Say so of all interfaces in a network namespace."""
    with space, Netlink() as asked:
        for _ in range(2):
            for data in asked.each("ip link", _GET_LINK, _LINK.pack(0, 0, 0, 0, 0)):
                flags = _LINK.unpack_from(data)[3]
                if bool(flags & _LOWER_UP) != bool(flags & _RUNNING):
                    return False
            # Nothing is changed, but whoever is at it gets done first.
            nothing = _LINK.pack(0, 0, links.LOOPBACK, 0, 0)
            asked.change("ip link set lo", _NEW_LINK, nothing)
    return True


def ping(address: str) -> str:
    """Send an echo request; return who answered, or what came of it instead.

    By a raw socket, which takes CAP_NET_RAW: `ping` itself does without, for groups in
    net.ipv4.ping_group_range.
    """
    settle()
    asked = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with asked:
        try:
            asked.sendto(_request(), (address, 0))
        except OSError as error:
            return error.strerror or str(error)
        return _answer(asked)


def _request() -> bytes:
    """Return an echo request with our pid as its number; the checksum comes last."""
    parts = _ECHO << 8, 0, os.getpid() & 0xFFFF, 1
    total = sum(parts)
    check = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return struct.pack("!4H", parts[0], check, *parts[2:])


def _answer(asked: socket.socket) -> str:
    """Wait for an answer to our request; others that come by are not for us."""
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        asked.settimeout(left)
        try:
            packet, (who, _) = asked.recvfrom(1 << 16)
        except TimeoutError:
            break
        message = packet[(packet[0] & 15) * 4 :]
        # Who says that it is unreachable sends our packet back, with its header.
        ours = message[28:] if message[0] == _UNREACHABLE else message
        if int.from_bytes(ours[4:6], "big") != os.getpid() & 0xFFFF:
            continue
        if message[0] == _UNREACHABLE:
            return f"unreachable, says {who}"
        if message[0] == _REPLY:
            return f"answer from {who}"
    return "no answer"
