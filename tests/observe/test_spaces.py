"""Network namespaces that one process holds, and what passes by in them."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.network import alone as lo
from cfslib.isolation.network import links, rules
from cfslib.isolation.network.addresses import Address
from cfslib.kernel.netlink import Netlink
from cfslib.observe import interfaces, spaces, ways
from cfslib.observe.frames import IN, OUT, Frame, Listener, in_words
from cfslib.observe.interfaces import Interface
from cfslib.observe.masquerade import masquerade
from cfslib.observe.spaces import Space
from tests.conftest import needs_user_namespaces, wait_until

WHY_NOT = ways.why_not()
needs_networks = pytest.mark.skipif(bool(WHY_NOT), reason=f"needs networks: {WHY_NOT}")
pytestmark = [needs_user_namespaces, needs_networks]


def two() -> tuple[Space, Space]:
    """Return two namespaces that are joined, with 10.0.0.2 and 10.0.0.3."""
    a, b = Space("a"), Space("b")
    with a, Netlink() as asked:
        links.make_pair(asked, "eth0", 0, "eth0", b.fd)
    for space, address in ((a, "10.0.0.2"), (b, "10.0.0.3")):
        with space:
            ways.give("eth0", address)
    return a, b


def test_one_comes_back_from_a_namespace() -> None:
    def there_and_back() -> list[int]:
        a, b = Space("a"), Space("b")
        numbers = [_number()]
        with a:
            numbers.append(_number())
            with b:
                numbers.append(_number())
            numbers.append(_number())
        return [*numbers, _number()]

    home, in_a, in_b, again, at_last = spaces.alone(there_and_back)

    assert len({home, in_a, in_b}) == 3
    assert (again, at_last) == (in_a, home)


def _number() -> int:
    return os.stat("/proc/self/ns/net").st_ino


def test_a_new_namespace_has_lo_alone_and_it_is_down() -> None:
    found = spaces.alone(interfaces.look)

    assert found == [Interface("lo", False, False, ())]
    assert str(found[0]) == "lo     down"


def test_a_cable_without_its_other_end_has_no_carrier() -> None:
    def plugged() -> list[list[str]]:
        a, b = two()
        found = []
        for end in (links.bring_up, links.take_down):
            with b, Netlink() as asked:
                end(asked, spaces.link("eth0").index)
            spaces.settle()
            with a:
                found.append([str(seen) for seen in interfaces.look()])
        return found

    up, down = spaces.alone(plugged)

    assert up[1] == "eth0   up, 10.0.0.2/24"
    assert down[1] == "eth0   up, no carrier, 10.0.0.2/24"


def test_a_cable_has_the_usual_mtu_at_both_ends() -> None:
    def mtus() -> list[int]:
        found = []
        for space in two():
            with space:
                found.append(spaces.link("eth0").mtu)
        return found

    assert spaces.alone(mtus) == [1500, 1500]


def test_with_a_namespace_the_other_end_goes_too() -> None:
    def gone() -> bool:
        a, b = two()
        b.close()
        with a:
            return wait_until(lambda: len(interfaces.look()) == 1, 10)

    assert spaces.alone(gone)


def test_an_interface_that_is_not_there_is_said_so() -> None:
    with pytest.raises(LookupError, match="there is no interface eth7 here"):
        spaces.alone(lambda: spaces.link("eth7"))


def test_who_is_asked_answers_and_others_do_not() -> None:
    def heard() -> list[str]:
        a, _ = two()
        with a:
            found = [spaces.ping(each) for each in ("10.0.0.3", "10.0.0.9", "10.9.9.9")]
            own = [spaces.ping("10.0.0.2")]
            lo.bring_up()
            return [*found, *own, spaces.ping("10.0.0.2")]

    assert spaces.alone(heard) == [
        "answer from 10.0.0.3",
        "no answer",
        "Network is unreachable",
        "no answer",
        "answer from 10.0.0.2",
    ]


def test_an_address_of_ipv6_can_be_used_at_once() -> None:
    if not Path("/proc/sys/net/ipv6").exists():
        pytest.skip("this kernel has no IPv6")

    def bound() -> str:
        a, _ = two()
        with a:
            give6("fd00::2")
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as made:
                made.bind(("fd00::2", 0))
                return str(made.getsockname()[0])

    assert spaces.alone(bound) == "fd00::2"


def give6(address: str) -> None:
    with Netlink() as asked:
        index = spaces.link("eth0").index
        links.add_address(asked, index, Address.read(address), 64)


def test_a_frame_is_seen_on_its_way_out_and_in() -> None:
    def seen() -> list[Frame]:
        a, b = two()
        with Listener(a, b) as listener, a:
            spaces.ping("10.0.0.3")
            return listener.seen()

    found = spaces.alone(seen)

    there_and_back = [("a", OUT), ("b", IN), ("b", OUT), ("a", IN)]
    assert [(f.space, f.way) for f in found] == there_and_back * 2  # ARP, and the echo
    assert str(found[0]) == "a       eth0  out  ARP who has 10.0.0.3? tell 10.0.0.2"
    assert (found[-1].source, found[-1].target) == ("10.0.0.3", "10.0.0.2")


def test_a_frame_on_lo_is_seen_twice() -> None:
    def seen() -> list[str]:
        a = Space("a")
        with a, Listener(a) as listener:
            lo.bring_up()
            spaces.ping("127.0.0.1")
            return [f"{frame.way} {frame.text[-5:]}" for frame in listener.seen()]

    assert spaces.alone(seen) == ["out quest", "in quest", "out reply", "in reply"]


def test_tcp_udp_and_the_rest_are_told_apart() -> None:
    def seen() -> list[str]:
        a, b = two()
        with Listener(b) as listener, a:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.sendto(b"x", ("10.0.0.3", 53))
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("10.0.0.3", 80))
            return [frame.text for frame in listener.seen() if "ARP" not in frame.text]

    *first, last = spaces.alone(seen)

    assert first == [
        "10.0.0.2 > 10.0.0.3 UDP to port 53",
        "10.0.0.3 > 10.0.0.2 unreachable",
        "10.0.0.2 > 10.0.0.3 TCP to port 80 SYN",
    ]
    assert last.startswith("10.0.0.3 > 10.0.0.2 TCP to port ")
    assert last.endswith(" ACK RST")


def test_a_frame_of_another_protocol_is_none_of_ours() -> None:
    assert in_words(bytes(12) + b"\x86\xdd" + bytes(40)) is None
    other = bytes(12) + b"\x08\x00\x45" + bytes(8) + b"\x2f" + bytes(10)
    told = in_words(other)

    assert told
    assert told[0] == "0.0.0.0 > 0.0.0.0 protocol 47"


@pytest.mark.parametrize("called", ["0", "1"])
def test_what_goes_from_port_to_port_is_not_masqueraded(called: str) -> None:
    setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not setting.exists():
        pytest.skip("this kernel has no br_netfilter")

    def sources() -> set[str]:
        net = {name: Space(name) for name in ways.NAMES}
        ways.build(net, ())
        with net["host"]:
            setting.write_text(called)
        with Listener(net["b"]) as listener, net["a"]:
            spaces.ping("10.0.0.3")
            return {f.source for f in listener.seen() if "request" in f.text}

    assert spaces.alone(sources) == {"10.0.0.2"}


@pytest.mark.parametrize(
    ("change", "called"),
    [
        (lambda: masquerade(1), "nft add table ip lesson"),
        (lambda: rules.remove("cfs-none"), "nft delete table inet cfs-none"),
    ],
    ids=["masquerade", "remove"],
)
def test_who_may_change_no_rules_hears_it_at_once(
    change: Callable[[], None], called: str
) -> None:
    def on_the_host() -> None:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        signal.alarm(10)
        change()

    with pytest.raises(PermissionError, match=called):
        in_child(on_the_host)
