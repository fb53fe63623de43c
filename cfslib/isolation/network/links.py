"""links: interfaces, addresses and routes, in the words of ip(8).

Each function works in the network namespace in which the socket was opened.  Numbers
are from <linux/if_link.h>, <linux/if_addr.h> and <linux/rtnetlink.h>.
"""

import errno
import struct
import sys

from cfslib.isolation.network.addresses import Address, Net
from cfslib.kernel.netlink import CREATE, EXCL, Netlink, attribute, attributes
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW_LINK, _DEL_LINK, _GET_LINK = 16, 17, 18  # RTM_...
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_NEW_ROUTE, _GET_ROUTE = 24, 26
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: ..., index, flags, which flags
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg: family, bits, 0, scope, index
_ROUTE = struct.Struct("=8BI")  # struct rtmsg
_UP = 1  # IFF_UP
_MAC, _NAME, _MTU, _MASTER, _INFO, _FD = 1, 3, 4, 10, 18, 28  # IFLA_...
_KIND, _DATA, _PEER = 1, 2, 1
_ADDRESS_IS, _LOCAL, _FLAGS = 1, 2, 8  # IFA_...
_NODAD = 2  # do not ask for 1.5 s whether somebody else has this address
_TO, _OUT, _BY = 1, 4, 5  # RTA_...
_MAIN, _BOOT, _UNICAST = 254, 3, 1  # RT_TABLE_MAIN, RTPROT_BOOT, RTN_UNICAST
_GLOBAL = 0  # RT_SCOPE_UNIVERSE
_USUAL_MTU, _LEAST_MTU = 1500, 1280  # of Ethernet; for IPv6, RFC 8200
INSIDE = "eth0"  # what a container calls its end of a cable
LOOPBACK = 1  # the index of lo, in every network namespace


class Link(Record):
    """An interface: its number, and some of what there is to know about it."""

    def __init__(self, index: int, mtu: int, mac: bytes) -> None:
        self.index, self.mtu, self.mac = index, mtu, mac


def find(socket: Netlink, name: str) -> "Link | None":
    """Return the interface of this name, if there is one."""
    body = _LINK.pack(0, 0, 0, 0, 0) + attribute(_NAME, name)
    try:
        return _read(socket.one(f"ip link show {name}", _GET_LINK, body))
    except OSError as error:
        if error.errno == errno.ENODEV:
            return None
        raise


def _read(data: bytes) -> Link:
    _, _, index, _, _ = _LINK.unpack_from(data)
    found = attributes(data[_LINK.size :])
    (mtu,) = struct.unpack("=I", found[_MTU])
    return Link(index, mtu, found.get(_MAC, b""))


def make_bridge(socket: Netlink, name: str, mac: bytes, mtu: int) -> None:
    """Make a bridge, which is up.  Without an address it would take one of a port's."""
    parts = _named(name, mac, mtu) + attribute(_INFO, attribute(_KIND, b"bridge"))
    _make(socket, f"ip link add {name} type bridge", parts)


def make_pair(
    socket: Netlink,
    name: str,
    bridge: int,
    there: str,
    namespace: int,
    mac: bytes = b"",
) -> None:
    """Make a veth pair: one end is a port of a bridge, the other in a namespace.

    Without a bridge, 0, it is a cable between two.  A MTU counts for the end for which
    it is named, so it is named for both.  The end inside cannot be up before there are
    two.
    """
    mtu = _mtu_of(socket, bridge) if bridge else _USUAL_MTU
    peer = _LINK.pack(0, 0, 0, 0, 0) + _named(there, mac, mtu)
    peer += attribute(_FD, namespace)
    pair = attribute(_KIND, b"veth") + attribute(_DATA, attribute(_PEER, peer))
    parts = _named(name, b"", mtu) + attribute(_INFO, pair)
    parts += attribute(_MASTER, bridge) if bridge else b""
    _make(socket, f"ip link add {name} type veth", parts)


def _named(name: str, mac: bytes, mtu: int) -> bytes:
    parts = attribute(_NAME, name) + attribute(_MTU, mtu)
    return parts + attribute(_MAC, mac) if mac else parts


def _make(socket: Netlink, what: str, parts: bytes) -> None:
    body = _LINK.pack(0, 0, 0, _UP, _UP) + parts
    socket.change(what, _NEW_LINK, body, CREATE | EXCL)


def bring_up(socket: Netlink, index: int) -> None:
    """Have an interface take part."""
    socket.change("ip link set up", _NEW_LINK, _LINK.pack(0, 0, index, _UP, _UP))


def take_down(socket: Netlink, index: int) -> None:
    """Have an interface take part no more; the other end of a cable notices."""
    socket.change("ip link set down", _NEW_LINK, _LINK.pack(0, 0, index, 0, _UP))


def remove(socket: Netlink, name: str) -> None:
    """Remove an interface; one that is gone is fine."""
    body = _LINK.pack(0, 0, 0, 0, 0) + attribute(_NAME, name)
    try:
        socket.change(f"ip link del {name}", _DEL_LINK, body)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


def add_address(socket: Netlink, index: int, address: Address, bits: int) -> None:
    """Give an interface an address."""
    body = _ADDRESS.pack(address.family, bits, 0, _GLOBAL, index)
    body += attribute(_LOCAL, address.packed) + attribute(_ADDRESS_IS, address.packed)
    body += attribute(_FLAGS, _NODAD)
    socket.change(f"ip addr add {address}", _NEW_ADDRESS, body, CREATE | EXCL)


def add_default_route(socket: Netlink, index: int, by: Address) -> None:
    """Send what is for nobody here to a router."""
    parts = by.family, 0, 0, 0, _MAIN, _BOOT, _GLOBAL, _UNICAST, 0
    body = _ROUTE.pack(*parts) + attribute(_BY, by.packed) + attribute(_OUT, index)
    socket.change(f"ip route add default via {by}", _NEW_ROUTE, body, CREATE | EXCL)


def addresses(socket: Netlink) -> "Iterator[Address]":
    """Yield the addresses that others can know: not of lo, not of one link alone."""
    for address, scope, index in _each_address(socket):
        if scope == _GLOBAL and index != LOOPBACK:
            yield address


def all_addresses(socket: Netlink) -> "Iterator[Address]":
    """Yield all addresses that are ours, also those of lo and of one link alone."""
    for address, _, _ in _each_address(socket):
        yield address


def _each_address(socket: Netlink) -> "Iterator[tuple[Address, int, int]]":
    body = _ADDRESS.pack(0, 0, 0, 0, 0)
    for data in socket.each("ip addr", _GET_ADDRESS, body):
        _, _, _, scope, index = _ADDRESS.unpack_from(data)
        found = attributes(data[_ADDRESS.size :])
        yield Address(found.get(_LOCAL) or found[_ADDRESS_IS]), scope, index


def routes(socket: Netlink) -> "Iterator[Net]":
    """Yield where routes lead to, those of all tables; a default one is left out."""
    body = _ROUTE.pack(*[0] * 9)
    for data in socket.each("ip route", _GET_ROUTE, body):
        bits = _ROUTE.unpack_from(data)[1]
        to = attributes(data[_ROUTE.size :]).get(_TO)
        if to is not None and len(to) in (4, 16):
            yield Net(Address(to), bits)


def mtu_of_the_way_out(socket: Netlink) -> int:
    """Return how large a packet may be on each way out; what is usual if there is none.

    A smaller one than the host's own would do, but a larger one gets lost.  Below 1280
    there is no IPv6: such a host says so itself to who sends more than its way takes.
    """
    smallest = _USUAL_MTU
    for index in set(_ways_out(socket)) - {LOOPBACK}:
        smallest = min(smallest, _mtu_of(socket, index))
    return max(smallest, _LEAST_MTU)


def _mtu_of(socket: Netlink, index: int) -> int:
    link = _LINK.pack(0, 0, index, 0, 0)
    return _read(socket.one("ip link show", _GET_LINK, link)).mtu


def _ways_out(socket: Netlink) -> "Iterator[int]":
    """Yield the number of the interface of each default route."""
    for data in socket.each("ip route", _GET_ROUTE, _ROUTE.pack(*[0] * 9)):
        found = attributes(data[_ROUTE.size :])
        if found.get(_TO) is None and _OUT in found:
            yield int.from_bytes(found[_OUT], sys.byteorder)
