"""The checks of 09-network.

Each makes the network namespaces that an answer is about, in a child that is root of
them, and asks the kernel what is in them afterwards.
"""

import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass

from cfslib.isolation.network import links
from cfslib.kernel.netlink import Netlink, attributes
from cfslib.lessons import Point, exercise
from cfslib.observe import interfaces, spaces, ways
from cfslib.observe.frames import Frame, Listener, in_words
from cfslib.observe.interfaces import Interface
from cfslib.observe.spaces import Space

FIRST, SECOND = "10.1.0.1", "10.1.0.2"
BRIDGE = "br0"
_GET_LINK, _PROMISCUITY = 18, 30  # RTM_GETLINK, IFLA_PROMISCUITY
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg


@exercise("09-network", 1)
def check_connect(connect: Callable[[Space, Space], object]) -> list[Point]:
    """Look if `connect(a, b)` joins two namespaces, with addresses and lo."""
    return spaces.alone(lambda: _connected(connect))


def _connected(connect: Callable[[Space, Space], object]) -> list[Point]:
    a, b = Space("a"), Space("b")
    connect(a, b)
    spaces.settle()
    ends = [_cables(a), _cables(b)]
    both = [_addresses(a), _addresses(b)]
    heard = _ping(a, SECOND), _ping(b, FIRST)
    own = _ping(a, FIRST), _ping(b, SECOND)
    left = [seen.name for seen in interfaces.look() if seen.name != "lo"]
    return [
        Point(
            "a cable joins the two, and both ends are up",
            all(len(each) == 1 and each[0].has_carrier for each in ends),
            _about_the_cable(ends),
        ),
        Point(
            f"a has {FIRST}/24, and b has {SECOND}/24",
            both == [[f"{FIRST}/24"], [f"{SECOND}/24"]],
            f"a has {_listed(both[0])}, and b has {_listed(both[1])}.",
        ),
        Point(
            "each gets an answer from the other",
            heard == (f"answer from {SECOND}", f"answer from {FIRST}"),
            f"a asks b: {heard[0]}.  b asks a: {heard[1]}.",
        ),
        Point(
            "each gets an answer from itself",
            own == (f"answer from {FIRST}", f"answer from {SECOND}"),
            "What is for an address of one's own goes by lo.  Is that up, in both?",
        ),
        Point(
            "and nothing was made elsewhere",
            not left,
            f"In the namespace that you came from there is {_listed(left)}.  Go to one "
            "of the two first, `with a:`, and then ask the kernel.",
        ),
    ]


def _cables(space: Space) -> list[Interface]:
    with space:
        return [seen for seen in interfaces.look() if seen.name != "lo"]


def _addresses(space: Space) -> list[str]:
    return [address for seen in _cables(space) for address in seen.addresses]


def _ping(space: Space, address: str) -> str:
    with space:
        return spaces.ping(address)


def _about_the_cable(ends: list[list[Interface]]) -> str:
    numbers = [len(each) for each in ends]
    if numbers != [1, 1]:
        return (
            f"Besides lo, a has {numbers[0]} interfaces and b has {numbers[1]}.  One "
            "veth pair has its ends in both: see `cable`, above."
        )
    down = [name for name, each in zip("ab", ends, strict=True) if not each[0].is_up]
    return f"The end in {' and '.join(down) or 'one of them'} is down: bring it up."


def _listed(words: list[str]) -> str:
    return ", ".join(words) or "none"


@exercise("09-network", 2)
def check_way_out(way_out: Callable[[Space, Space], object]) -> list[Point]:
    """Look if `way_out(a, host)` lets a container reach outside, and be answered."""
    return spaces.alone(lambda: _let_out(way_out))


def _let_out(way_out: Callable[[Space, Space], object]) -> list[Point]:
    net = {name: Space(name) for name in ways.NAMES}
    missing = (ways.ROUTE, ways.FORWARDING, ways.MASQUERADE)
    ways.build(net, missing)
    spaces.settle()
    before = _state(net[ways.OUTSIDE])
    way_out(net[ways.A], net[ways.HOST])
    found = _tried(net)
    neighbours = _frames(net, "a to b")
    return [
        Point(
            "a has a way for what is not for its neighbours",
            "unreachable" not in found.heard,
            f"a says: {found.heard}.  It needs a default route, by the host's address "
            f"on the bridge: {ways.ROUTER}.",
        ),
        Point(
            "the host passes on what comes from a",
            bool(found.arrived),
            "The request comes to the host, and goes no further.  In `host`: "
            "net.ipv4.ip_forward.",
        ),
        Point(
            "outside, it seems to come from the host",
            {frame.source for frame in found.arrived} == {"192.0.2.2"},
            "Outside it comes from an address to which nobody there knows the way.  "
            "Masquerade what leaves by `wan`.",
        ),
        Point(
            "the answer comes back to a",
            found.heard.startswith("answer"),
            f"a says: {found.heard}.",
        ),
        Point(
            "a and b still know each other by their own addresses",
            {frame.source for frame in neighbours} == {"10.0.0.2"},
            "What goes from port to port of the bridge is masqueraded, too: the rule "
            "should be for `wan` alone.",
        ),
        Point(
            "and outside is as it was",
            _state(net[ways.OUTSIDE]) == before,
            "The world outside is not ours: neither its routes nor its addresses.",
        ),
    ]


@dataclass(frozen=True)
class _Tried:
    heard: str
    arrived: list[Frame]  # echo requests that came in outside


def _tried(net: dict[str, Space]) -> _Tried:
    who, address = ways.TRIPS["a to outside"]
    with Listener(net[ways.OUTSIDE]) as listener:
        heard = _ping(net[who], address)
        seen = listener.seen()
    return _Tried(heard, [frame for frame in seen if frame.text.endswith("request")])


def _frames(net: dict[str, Space], trip: str) -> list[Frame]:
    who, address = ways.TRIPS[trip]
    with Listener(net[ways.B]) as listener:
        _ping(net[who], address)
        return [frame for frame in listener.seen() if frame.text.endswith("request")]


def _state(space: Space) -> tuple[list[str], list[str]]:
    with space, Netlink() as asked:
        routes = sorted(map(str, links.routes(asked)))
        return routes, list(map(str, interfaces.look()))


@exercise("09-network", 3)
def check_overhear(overhear: Callable[[str], socket.socket]) -> list[Point]:
    """Look if `overhear(bridge)` returns a socket that sees all that passes by it."""
    return spaces.alone(lambda: _overheard(overhear))


def _overheard(overhear: Callable[[str], socket.socket]) -> list[Point]:
    net = {name: Space(name) for name in ways.NAMES}
    ways.build(net, ())
    spaces.settle()
    with net[ways.HOST]:
        opened = overhear(BRIDGE)
    if not isinstance(opened, socket.socket):
        return [Point(_IS_ONE, False, f"It returns {type(opened).__name__}.")]
    with opened:
        at = opened.getsockname()
        _ping(net[ways.A], ways.ADDRESSES[ways.B, "eth0"])
        texts = _all(opened) if opened.family == socket.AF_PACKET else []
    is_packet = opened.family == socket.AF_PACKET or bool(texts)
    with net[ways.HOST]:
        left = _promiscuity(BRIDGE)
    return [
        Point(_IS_ONE, is_packet, "socket.AF_PACKET is the family."),
        Point(
            f"it is for {BRIDGE} alone",
            bool(at) and at[0] == BRIDGE,
            "Without `bind((name, 0))` it hears all interfaces, the ports, too.",
        ),
        Point(
            "it sees the question of a to all",
            any(text.startswith("ARP who") for text in texts),
            "It sees nothing at all.  Which protocols did you ask for?",
        ),
        Point(
            "it sees the echo request of a to b, and the reply",
            _both(texts),
            "These are for somebody else, and the bridge does not show them to the "
            "host.  PACKET_ADD_MEMBERSHIP with PACKET_MR_PROMISC asks for them.",
        ),
        Point(
            "when the socket is closed, the bridge is as it was",
            left == 0,
            "It is still promiscuous.  The membership of a socket ends with it; a flag "
            "of the interface stays.",
        ),
    ]


_IS_ONE = "it returns a packet socket"


def _both(texts: list[str]) -> bool:
    ends = {text.rpartition(" echo ")[2] for text in texts}
    return {"request", "reply"} <= ends


def _all(opened: socket.socket) -> list[str]:
    """Return what a packet socket has got, in words."""
    opened.setblocking(False)
    texts: list[str] = []
    while True:
        try:
            told = in_words(opened.recv(1 << 16))
        except BlockingIOError:
            return texts
        if told:
            texts.append(told[0])


def _promiscuity(name: str) -> int:
    """Return how many want all frames of an interface."""
    body = _LINK.pack(0, 0, spaces.link(name).index, 0, 0)
    with Netlink() as asked:
        data = asked.one("ip link show", _GET_LINK, body)
    return int.from_bytes(attributes(data[_LINK.size :])[_PROMISCUITY], sys.byteorder)
