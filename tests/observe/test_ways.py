"""A packet's way through a small network, with all of it and with a part missing."""

import json

import pytest

from cfslib.isolation.network import links
from cfslib.observe import ways
from cfslib.observe.ways import PARTS, TRIPS
from tests.conftest import needs_user_namespaces
from tests.observe.test_spaces import needs_networks

pytestmark = [needs_user_namespaces, needs_networks]
OUTCOMES = {
    ("a to b", ""): "answer from 10.0.0.3",
    ("a to b", "cable of a"): "no answer",
    ("a to b", "cable of b"): "no answer",
    ("a to b", "cable outside"): "answer from 10.0.0.3",
    ("a to b", "default route"): "answer from 10.0.0.3",
    ("a to the host", ""): "answer from 10.0.0.1",
    ("a to outside", ""): "answer from 192.0.2.1",
    ("a to outside", "default route"): "Network is unreachable",
    ("a to outside", "cable outside"): "unreachable, says 10.0.0.1",
    ("a to outside", "forwarding"): "no answer",
    ("a to outside", "masquerade"): "no answer",
    ("a to itself", "cable of a"): "answer from 10.0.0.2",
    ("a to nobody", ""): "no answer",
    ("outside to a", ""): "Network is unreachable",
}


@pytest.mark.parametrize(("trip", "part"), OUTCOMES)
def test_what_comes_of_it_is_what_is_missing(trip: str, part: str) -> None:
    way = ways.sent(trip, [part] if part else [])

    assert way.outcome == OUTCOMES[trip, part]


def test_the_sender_changes_on_the_way_out() -> None:
    seen = [f for f in ways.sent("a to outside").frames if "request" in f.text]

    assert [(f.link, f.source) for f in seen] == [
        ("eth0", "10.0.0.2"),
        ("to-a", "10.0.0.2"),
        ("br0", "10.0.0.2"),
        ("wan", "192.0.2.2"),
        ("eth0", "192.0.2.2"),
    ]


def test_the_bridge_itself_sees_the_question_to_all_alone() -> None:
    seen = [f.text for f in ways.sent("a to b").frames if f.link == "br0"]

    assert seen == ["ARP who has 10.0.0.3? tell 10.0.0.2"]


def test_a_cable_that_is_cut_has_no_carrier_at_either_end() -> None:
    there = ways.sent("a to b", ["cable of a"]).there

    assert not next(i for i in there["a"] if i.name == "eth0").has_carrier
    assert not next(i for i in there["host"] if i.name == "to-a").has_carrier
    assert next(i for i in there["host"] if i.name == "to-b").port_of == "br0"


def test_what_was_recorded_is_what_happens_here() -> None:
    known = json.loads(ways.RECORD.read_text())

    assert len(known) == len(TRIPS) * (len(PARTS) + 1)
    for trip, missing in (("a to b", []), ("a to outside", ["masquerade"])):
        recorded = ways.recorded(trip, missing, "")
        assert recorded == ways.sent(trip, missing)


def test_where_no_network_can_be_made_it_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cannot(*_: object) -> None:
        raise OSError("ip link add br0 type bridge: Operation not supported")

    monkeypatch.setattr(links, "make_bridge", cannot)
    why = ways.why_not()
    way = ways.told("a to outside", ["forwarding", "masquerade"])

    assert why.endswith("Operation not supported")
    assert way.recorded.startswith(why)
    assert way.recorded.endswith("only what is without the forwarding")
    assert way.outcome == "no answer"
