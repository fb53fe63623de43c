from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.isolation.namespaces import Namespace
from cfslib.lessons.boxed import Seen
from cfslib.views import beside
from tests.views.test_page import Reader

pytestmark = pytest.mark.alike

NONE = Namespace(0)


class Machine:
    """Stands for the two: it answers with the namespaces it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Namespace]] = []

    def run(self, command: str, kinds: Namespace) -> Seen:
        """Answer like `boxed.run`."""
        self.asked.append((command, kinds))
        return Seen(f"same\n{kinds}\n", 0)


def parts(forced: Namespace = NONE) -> tuple[Machine, Any, dict[str, Any], Any]:
    machine = Machine()
    shown = beside.view(machine.run, "hostname", forced)
    controls, boxes, picture, _ = shown.box.children
    by_name = {box.description: box for box in boxes.children}
    return machine, controls, by_name, picture


def test_it_runs_at_once_in_both() -> None:
    machine, *_ = parts()

    assert machine.asked == [("hostname", NONE), ("hostname", beside.ALL_THREE)]


def test_unticking_a_box_runs_it_without_that_namespace() -> None:
    machine, _, boxes, picture = parts()
    boxes["PID"].value = False

    assert machine.asked[-1] == ("hostname", Namespace.UTS | Namespace.MNT)
    assert "PID is shared with the host now" in picture.value
    assert "ps lists the host&#x27;s processes" in picture.value


def test_the_key_enter_runs_what_was_typed() -> None:
    machine, controls, *_ = parts()
    line = controls.children[0]
    line.value = "id"
    before = len(machine.asked)
    line._handle_custom_msg({"event": "submit"}, [])

    assert before == 2
    assert machine.asked[-1][0] == "id"


def test_what_cannot_be_left_out_cannot_be_unticked() -> None:
    machine, _, boxes, picture = parts(forced=Namespace.USER)

    assert boxes["USER"].disabled
    assert boxes["USER"].value
    assert Namespace.USER in machine.asked[-1][1]
    assert "USER cannot be left out" in picture.value


def test_a_refusal_is_shown() -> None:
    def refuse(command: str, kinds: Namespace) -> Seen:
        raise PermissionError("unshare(UTS): no")

    assert "unshare(UTS): no" in beside.view(refuse, "id", NONE).status.value


def test_a_pid_namespace_without_a_proc_is_explained() -> None:
    for changed in (Namespace.PID, Namespace.MNT):
        text = beside.explain(Namespace.PID, changed, NONE, "id")

        assert "lists the host's processes" in text


def test_a_command_that_shows_it_is_named_unless_it_is_there() -> None:
    for command, named in (("id", True), ("hostname; id", False)):
        text = beside.explain(NONE, Namespace.UTS, NONE, command)

        assert ("Try: hostname" in text) == named


@given(st.text(), st.text())
def test_what_a_command_prints_is_shown_as_it_is(one: str, other: str) -> None:
    drawn = beside.to_html("cat", Seen(one, 0), Seen(other, 1), "")

    assert {tag for tag, _ in Reader(drawn).elements} <= {
        "div", "style", "p", "h4", "pre", "span", "mark", "i", "details", "summary",
    }  # fmt: skip
