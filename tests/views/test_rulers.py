"""The two rulers: what the kernel said, as a picture and as a table."""

from typing import Any

import pytest
from hypothesis import given

from cfslib.isolation.idmaps import IdMap
from cfslib.observe.owners import NOBODY, Scene, Seen, another_machines
from cfslib.views import rulers
from tests.views.trees import HOSTILE

pytestmark = pytest.mark.alike


def test_each_line_of_the_map_is_a_band_and_each_owner_a_wire() -> None:
    drawn = rulers.rulers(another_machines(5))

    assert drawn.count("<polygon") == 2
    assert drawn.count("A B<") == 1  # the process and its file have one owner
    assert "stroke-dasharray" in drawn  # to nobody
    assert "the process is 5 inside and 100004 outside" in drawn


def test_an_empty_map_can_be_drawn() -> None:
    scene = Scene((), (Seen("the process", NOBODY, 1000),), "setuid(0): no")

    assert "The map: <code>empty</code>" in rulers.to_html(scene)
    assert "65534 (nobody)" in rulers.to_html(scene)


def test_a_recording_says_so() -> None:
    scene = Scene((IdMap(0, 1),), (Seen("x", 0, 1),), "setuid(0) = 0", "Not here.")

    assert "Recorded on another machine." in rulers.to_html(scene)
    assert "Recorded" not in rulers.to_html(another_machines(0))


@given(HOSTILE)
def test_a_thing_may_have_any_name(name: str) -> None:
    def drawn(name: str) -> str:
        return rulers.to_html(Scene((), (Seen(name, 0, 1),), name))

    assert drawn(name).count("<") == drawn("a").count("<")


def test_every_choice_asks_anew() -> None:
    asked: list[tuple[str, int]] = []

    def look(kind: str, user: int) -> Scene:
        asked.append((kind, user))
        return another_machines(user)

    view = rulers.view(look, ["none", "ten users"], [0, 5])
    menus: Any = view.box.children[0].children
    menus[0].value = "ten users"
    menus[1].value = 5

    assert asked == [("none", 0), ("ten users", 0), ("ten users", 5)]
    assert "setuid(5) = 0" in view.box.children[1].value


def test_a_refusal_is_said_below_the_picture() -> None:
    def refuse(kind: str, user: int) -> Scene:
        raise PermissionError("no user namespaces here")

    view = rulers.view(refuse, ["none"], [0])

    assert "no user namespaces here" in view.status.value
