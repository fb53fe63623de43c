"""09-network: right answers pass, the usual wrong ones do not, and get a hint."""

import json
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfslib.isolation.network import alone as lo
from cfslib.isolation.network import links
from cfslib.isolation.network.addresses import Address
from cfslib.kernel.netlink import Netlink
from cfslib.lessons import network as lesson
from cfslib.lessons import wirebench
from cfslib.observe import interfaces, spaces, ways
from cfslib.observe.masquerade import masquerade
from cfslib.observe.spaces import Space
from tests import record_network
from tests.conftest import needs_user_namespaces
from tests.lessons.conftest import assert_not_yet
from tests.observe.test_spaces import needs_networks

pytestmark = [needs_user_namespaces, needs_networks, pytest.mark.long]
RUNS = "it runs"
Two = Callable[[Space, Space], object]


def nothing(*_: object) -> None:
    pass


def raises(*_: object) -> Any:
    raise ZeroDivisionError("in the answer")


# Connect


def cable(a: Space, b: Space) -> None:
    with a, Netlink() as asked:
        links.make_pair(asked, "eth0", 0, "eth0", b.fd)


def connected(
    first: str = "10.1.0.1",
    second: str = "10.1.0.2",
    up: str = "ab",
    low: str = "ab",
) -> Two:
    def connect(a: Space, b: Space) -> None:
        cable(a, b)
        for space, address in ((a, first), (b, second)):
            with space:
                if space.name in up:
                    ways.give("eth0", address)
                if space.name in low:
                    lo.bring_up()

    return connect


def over_a_bridge(a: Space, b: Space) -> None:
    with Netlink() as asked:
        links.make_bridge(asked, "br0", b"\x02cfs\0\1", 1500)
        for space in (a, b):
            bridge = spaces.link("br0").index
            links.make_pair(asked, f"to-{space.name}", bridge, "eth0", space.fd)
    for space, address in ((a, "10.1.0.1"), (b, "10.1.0.2")):
        with space:
            ways.give("eth0", address)
            lo.bring_up()


@pytest.mark.parametrize("turned", [False, True])
def test_two_that_are_joined_are_right(turned: bool) -> None:
    answer = connected()

    def other_end(a: Space, b: Space) -> None:
        with b, Netlink() as asked:
            links.make_pair(asked, "x", 0, "y", a.fd)
        for space, name, address in ((a, "y", "10.1.0.1"), (b, "x", "10.1.0.2")):
            with space:
                ways.give(name, address)
                lo.bring_up()

    told = lesson.check_connect(other_end if turned else answer)

    assert told.done, told


CABLE = "a cable joins the two"
HAS = "a has 10.1.0.1/24"
EACH = "each gets an answer from the other"
ITSELF = "each gets an answer from itself"
ELSEWHERE = "and nothing was made elsewhere"


@pytest.mark.parametrize(
    ("answer", "claim", "hint"),
    [
        (cable, CABLE, "The end in b is down"),
        (nothing, CABLE, "a has 0 interfaces and b has 0"),
        (connected(up="b"), HAS, "a has none"),
        (connected(second="10.1.0.3"), HAS, "b has 10.1.0.3/24"),
        (connected(low=""), ITSELF, "Is that up, in both?"),
        (connected(low="a"), ITSELF, "Is that up, in both?"),
        (over_a_bridge, ELSEWHERE, "br0, to-a, to-b"),
        (raises, RUNS, "in the answer"),
        (lambda a: None, RUNS, ""),
    ],
    ids=range(9),
)
def test_two_that_are_not_are_not(answer: Any, claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_connect(answer), claim, hint)


# A way out


def way_out(*, route: bool = True, on: bool = True, rule: str = "wan") -> Two:
    def answer(a: Space, host: Space) -> None:
        if route:
            with a, Netlink() as asked:
                index = spaces.link("eth0").index
                links.add_default_route(asked, index, Address.read(ways.ROUTER))
        with host:
            if on:
                ways.FORWARD.write_text("1")
            if rule:
                masquerade(spaces.link(rule).index)

    return answer


def test_three_things_are_a_way_out() -> None:
    told = lesson.check_way_out(way_out())

    assert told.done, told


@pytest.mark.parametrize(
    ("answer", "claim", "hint"),
    [
        (nothing, "a has a way", "Network is unreachable"),
        (way_out(route=False), "a has a way", ways.ROUTER),
        (way_out(on=False), "the host passes on", "ip_forward"),
        (way_out(rule=""), "outside, it seems", "Masquerade"),
        (way_out(rule="br0"), "outside, it seems", "Masquerade"),
        (raises, RUNS, "in the answer"),
    ],
    ids=range(6),
)
def test_less_is_none(answer: Two, claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_way_out(answer), claim, hint)


# Overhear

ALL = socket.htons(3)


def overhear(
    *, bound: bool = True, wanted: bool = True, protocol: int = ALL
) -> Callable[[str], socket.socket]:
    def answer(name: str) -> socket.socket:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, protocol)
        if bound:
            opened.bind((name, 0))
        if wanted:
            number = socket.if_nametoindex(name)
            opened.setsockopt(263, 1, struct.pack("iHH8x", number, 1, 0))
        return opened

    return answer


def by_a_flag(name: str) -> socket.socket:
    """Set the flag of the interface, as `ip link set br0 promisc on` does."""
    with Netlink() as asked:
        index = spaces.link(name).index
        body = struct.pack("=BxHiII", 0, 0, index, 0x100, 0x100)
        asked.change("ip link set promisc on", 16, body)
    return overhear(wanted=False)(name)


def no_packets(name: str) -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def test_who_asks_for_all_frames_sees_all() -> None:
    told = lesson.check_overhear(overhear())

    assert told.done, told


@pytest.mark.parametrize(
    ("answer", "claim", "hint"),
    [
        (overhear(wanted=False), "it sees the echo request", "PROMISC"),
        (overhear(bound=False), "it is for br0 alone", "bind"),
        (overhear(protocol=socket.htons(0x806)), "it sees the echo request", ""),
        (overhear(protocol=socket.htons(0x88CC)), "it sees the question", "protocols"),
        (by_a_flag, "when the socket is closed", "stays"),
        (no_packets, "it returns a packet socket", "AF_PACKET"),
        (nothing, "it returns a packet socket", "NoneType"),
        (raises, RUNS, "in the answer"),
    ],
    ids=range(8),
)
def test_who_does_not_does_not(answer: Any, claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_overhear(answer), claim, hint)


# Experiments, and what was recorded


def test_what_was_recorded_is_what_the_notebook_shows() -> None:
    assert json.loads(wirebench.RECORD.read_text()) == record_network.printed()
    assert len(record_network.printed()) > 10


def test_an_experiment_that_fails_raises() -> None:
    with pytest.raises(FileNotFoundError):
        wirebench.attempt(lambda: Path("/nowhere").read_text())


def test_where_no_network_can_be_made_it_was_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cannot(*_: object) -> None:
        raise OSError("ip link add eth0 type veth: Operation not supported")

    def first() -> None:
        print("never seen")
        links.make_pair(Netlink(), "eth0", 0, "eth0", 0)

    monkeypatch.setattr(links, "make_pair", cannot)
    outcome = wirebench.attempt(first)

    assert outcome.text.startswith("answer from 10.0.0.3\n")
    assert outcome.why_recorded.endswith("Operation not supported")


def test_nothing_of_an_experiment_is_here() -> None:
    def here() -> object:
        names = [seen.name for seen in interfaces.look()]
        return ways.FORWARD.read_text(), {"br0", "to-a", "wan"} & set(names)

    before = here()
    lesson.check_way_out(way_out())

    assert here() == before
