"""ways: a small network, and a packet's way through it, seen at each interface.

    a ---- to-a             10.0.0.2
              br0 - host    10.0.0.1
    b ---- to-b             10.0.0.3
                   wan ---- outside
              192.0.2.2     192.0.2.1

Each of the four is a network namespace.  Cables can be cut, and the host may leave
something undone.  Where a network cannot be made, there is `recorded`.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cfslib.isolation.network import alone as lo
from cfslib.isolation.network import links
from cfslib.isolation.network.addresses import Address
from cfslib.kernel.netlink import Netlink
from cfslib.observe import interfaces, spaces
from cfslib.observe.frames import Frame, Listener
from cfslib.observe.interfaces import Interface
from cfslib.observe.masquerade import masquerade
from cfslib.observe.spaces import Space

RECORD = Path(__file__).with_suffix(".json")
FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
_BRIDGE_MAC = b"\x02cfs\0\1"
_MTU = 1500
_BITS = 24
A, B, HOST, OUTSIDE = NAMES = "a", "b", "host", "outside"
ROUTER = "10.0.0.1"
ADDRESSES = {
    (A, "eth0"): "10.0.0.2",
    (B, "eth0"): "10.0.0.3",
    (HOST, "br0"): ROUTER,
    (HOST, "wan"): "192.0.2.2",
    (OUTSIDE, "eth0"): "192.0.2.1",
}
# What can be taken away: cables, by our end of each, and what a router has to do.
CABLES = {"cable of a": "to-a", "cable of b": "to-b", "cable outside": "wan"}
ROUTE, FORWARDING, MASQUERADE = "default route", "forwarding", "masquerade"
PARTS = (*CABLES, ROUTE, FORWARDING, MASQUERADE)
# Who sends an echo request to which address.
TRIPS = {
    "a to b": (A, "10.0.0.3"),
    "a to the host": (A, ROUTER),
    "a to outside": (A, "192.0.2.1"),
    "a to itself": (A, "10.0.0.2"),
    "a to nobody": (A, "10.0.0.9"),
    "outside to a": (OUTSIDE, "10.0.0.2"),
}


@dataclass(frozen=True)
class Way:
    """What each one's interfaces were, what was seen, and what came of it."""

    there: dict[str, tuple[Interface, ...]]
    frames: tuple[Frame, ...]
    outcome: str
    recorded: str = ""  # why this is from another machine, if it is


def sent(trip: str, missing: Collection[str] = ()) -> Way:
    """Make the network without some of its PARTS, and have a packet sent."""
    return spaces.alone(lambda: _sent(trip, missing))


def _sent(trip: str, missing: Collection[str]) -> Way:
    net = {name: Space(name) for name in NAMES}
    build(net, missing)
    who, address = TRIPS[trip]
    with Listener(*net.values()) as listener:
        with net[who]:
            outcome = spaces.ping(address)
        frames = tuple(listener.seen())
    spaces.settle()
    return Way({name: _there(net[name]) for name in NAMES}, frames, outcome)


def _there(space: Space) -> tuple[Interface, ...]:
    with space:
        return tuple(interfaces.look())


def build(net: dict[str, Space], missing: Collection[str]) -> None:
    """Make the cables and the bridge, and have the host pass on what comes."""
    with net[HOST], Netlink() as asked:
        links.make_bridge(asked, "br0", _BRIDGE_MAC, _MTU)
        bridge = spaces.link("br0").index
        links.make_pair(asked, "to-a", bridge, "eth0", net[A].fd)
        links.make_pair(asked, "to-b", bridge, "eth0", net[B].fd)
        links.make_pair(asked, "wan", 0, "eth0", net[OUTSIDE].fd)
    for (name, link), address in ADDRESSES.items():
        with net[name]:
            lo.bring_up()
            give(link, address)
    if ROUTE not in missing:
        with net[A], Netlink() as asked:
            index = spaces.link("eth0").index
            links.add_default_route(asked, index, Address.read(ROUTER))
    with net[HOST]:
        _pass_on(missing)


def give(link: str, address: str) -> None:
    """Bring an interface up, and give it an address of a network of 254."""
    with Netlink() as asked:
        index = spaces.link(link).index
        links.bring_up(asked, index)
        links.add_address(asked, index, Address.read(address), _BITS)


def _pass_on(missing: Collection[str]) -> None:
    FORWARD.write_text("0" if FORWARDING in missing else "1")
    if MASQUERADE not in missing:
        masquerade(spaces.link("wan").index)
    for cable, end in CABLES.items():
        if cable in missing:
            with Netlink() as asked:
                links.take_down(asked, spaces.link(end).index)


def why_not() -> str:
    """Return what this machine lacks for all of this; nothing if it can be made."""
    try:
        sent("a to outside")
    except OSError as error:
        return str(error)
    return ""


def recorded(trip: str, missing: Collection[str], why: str) -> Way:
    """Return a way as it was on another machine: with everything, or less one part."""
    parts = [part for part in PARTS if part in missing]
    if len(parts) > 1:
        why += f"; and recorded was only what is without the {parts[0]}"
    return _read(json.loads(RECORD.read_text())[_key(trip, parts[:1])], why)


def _key(trip: str, missing: Collection[str]) -> str:
    return " without ".join([trip, *missing])


def _read(found: dict[str, Any], why: str) -> Way:
    there = {
        name: tuple(
            Interface(**each | {"addresses": tuple(each["addresses"])}) for each in all_
        )
        for name, all_ in found["there"].items()
    }
    frames = tuple(Frame(**each) for each in found["frames"])
    return Way(there, frames, found["outcome"], why)


def told(trip: str, missing: Collection[str] = ()) -> Way:
    """Return a packet's way as it goes here, or else as it was recorded."""
    try:
        return sent(trip, missing)
    except OSError as error:
        return recorded(trip, missing, str(error))


def record() -> None:
    """Write down each trip with everything, and with one part missing."""
    lacks: list[tuple[str, ...]] = [(), *((part,) for part in PARTS)]
    found = {
        _key(trip, missing): asdict(sent(trip, missing))
        for trip in TRIPS
        for missing in lacks
    }
    RECORD.write_text(json.dumps(found, separators=(",", ":")) + "\n")
