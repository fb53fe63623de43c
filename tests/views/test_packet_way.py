"""packet_way: the network, and a packet's way through it, as pictures and in words."""

from collections.abc import Collection

from cfslib.lessons.wirebench import Outcome
from cfslib.observe.frames import OUT, Frame
from cfslib.observe.interfaces import Interface
from cfslib.observe.ways import PARTS, RECORD, Way, recorded
from cfslib.views import packet_way, wires

ALL = recorded("a to outside", [], "")
CUT = recorded("a to outside", ["cable outside"], "no veth here")


def frame(link: str, source: str, target: str, kind: str = "request") -> Frame:
    return Frame("host", link, OUT, f"{source} > {target} echo {kind}", source, target)


def test_there_is_a_step_for_each_frame_and_one_for_the_end() -> None:
    story = packet_way.tell("a to outside", ALL)

    assert len(story) == len(ALL.frames) + 2
    assert story[0].caption == "`a` sends an echo request to `192.0.2.1`."
    assert story[1].title == "`eth0` of a, out"
    assert story[-1].caption == "`a` was told: answer from 192.0.2.1."


def test_the_picture_says_where_the_frame_is() -> None:
    step = packet_way.tell("a to outside", ALL)[1]

    assert "ARP who has 10.0.0.1? tell 10.0.0.2</title>" in step.picture
    assert step.picture.count(packet_way.NOW) == 1
    assert step.picture.count("▲ out") == 1


def test_what_masquerading_changes_is_said() -> None:
    inside = frame("br0", "10.0.0.2", "192.0.2.1")
    out = frame("wan", "192.0.2.2", "192.0.2.1")
    back = frame("wan", "192.0.2.1", "192.0.2.2", "reply")
    home = frame("br0", "192.0.2.1", "10.0.0.2", "reply")

    assert packet_way.changed([inside]) == ""
    assert "192.0.2.2 now: masqueraded" in packet_way.changed([inside, out])
    assert "for 10.0.0.2 again" in packet_way.changed([inside, out, back, home])
    captions = [step.caption for step in packet_way.tell("a to outside", ALL)]
    assert sum("masqueraded" in one for one in captions) == 1
    assert sum("again, by the host's note" in one for one in captions) == 1


def test_a_cut_cable_is_seen_and_said() -> None:
    last = packet_way.tell("a to outside", CUT)[-1]

    assert "✂" in last.picture
    assert "no carrier" in last.picture
    assert "What was seen last, at `eth0` of a" in last.caption
    assert "✗ unreachable</text>" in last.picture
    assert "✂" not in packet_way.tell("a to outside", ALL)[-1].picture


def test_where_nothing_was_seen_that_is_said() -> None:
    nothing = Way(ALL.there, (), "Network is unreachable")

    assert "Nothing was seen" in packet_way.lost(nothing)


def test_all_of_it_is_also_a_table() -> None:
    html = packet_way._as_table(ALL)

    assert html.count("<tr>") == len(ALL.frames) + 1
    assert "<code>ARP who has 10.0.0.1? tell 10.0.0.2</code>" in html


def test_the_view_asks_anew_for_each_change() -> None:
    asked: list[tuple[str, list[str]]] = []

    def told(trip: str, missing: Collection[str]) -> Way:
        asked.append((trip, list(missing)))
        return CUT if missing else ALL

    view = packet_way.view(told)
    send, parts, walk, drawn, listed, _ = view.box.children
    parts.children[PARTS.index("cable outside")].value = False
    walk.children[1].click()

    assert asked == [("a to b", []), ("a to b", ["cable outside"])]
    assert "Step 1 of" in drawn.value
    assert "Recorded on another machine" in listed.value
    send.children[0].value = "a to nobody"
    assert asked[-1] == ("a to nobody", ["cable outside"])
    assert "Step 0 of" in drawn.value
    for _ in range(40):
        walk.children[1].click()
    assert "What came of it" in drawn.value


def test_an_error_is_shown_and_the_view_stays() -> None:
    def told(trip: str, missing: Collection[str]) -> Way:
        if missing:
            raise OSError("too many of them")
        return ALL

    view = packet_way.view(told)
    view.box.children[1].children[0].value = False

    assert "too many of them" in view.status.value


def test_what_is_known_of_an_interface_fits() -> None:
    down = Interface("wan", False, False, ("192.0.2.2/24",))
    there = {**ALL.there, "host": (*ALL.there["host"][:-1], down)}
    html = packet_way.picture(Way(there, ALL.frames, ""), 0, "x")

    assert ">192.0.2.2</text>" in html
    assert ">down</text>" in html


def test_an_experiment_that_was_made_elsewhere_says_so() -> None:
    here = wires.to_html(Outcome("text"))
    there = wires.to_html(Outcome("text", "no veth here", ("load `veth`",)))

    assert "Here and now" in here
    assert "Recorded on another machine." in there
    assert "no veth here" in there
    assert "<code>veth</code>" in there


def test_the_record_is_small() -> None:
    assert RECORD.stat().st_size < 200_000
