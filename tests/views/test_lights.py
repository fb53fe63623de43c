"""The five sets as rows of lights."""

from dataclasses import replace

from cfslib.isolation.capabilities import Capability
from cfslib.observe import passing_on
from cfslib.observe.passing_on import Moment
from cfslib.observe.rights import Sets
from cfslib.views import lights
from cfslib.views.style import NAMESPACES
from tests.conftest import needs_user_namespaces

EVERYTHING = (1 << len(Capability)) - 1
KILL = 1 << Capability.KILL
BEFORE = Moment("Before", "", Sets(0, KILL, KILL, 0, EVERYTHING, 0))
AFTER = replace(BEFORE, sets=Sets(1000, 0, 0, 0, EVERYTHING, 0))


def test_there_is_a_light_for_each_right_and_it_is_on_if_that_is_there() -> None:
    drawn = lights.picture(None, BEFORE)

    assert drawn.count("<rect") == 5 * len(Capability)
    assert drawn.count(NAMESPACES["USER"]) == 2 + len(Capability)
    assert drawn.count(">KILL: on<") == 3


def test_what_has_changed_is_marked_and_only_that() -> None:
    assert lights.picture(None, BEFORE).count("cfs-wire") == 0
    assert lights.picture(BEFORE, BEFORE).count("cfs-wire") == 0
    changed = lights.picture(BEFORE, AFTER)
    assert changed.count("cfs-wire") == 2
    assert changed.count("stroke-dasharray") == 2  # these two have gone out


def test_the_picture_is_told_in_words_too() -> None:
    assert lights.said(BEFORE.sets) == (
        "user 0, root. effective: KILL. permitted: KILL. inheritable: none. "
        "bounding: all. ambient: none."
    )
    assert lights.said(AFTER.sets).startswith("user 1000. effective: none.")


@needs_user_namespaces
def test_real_runs_can_be_drawn() -> None:
    view = lights.view(["root", "another user"])

    assert "Step 0 of 3" in view.box.children[1].value


def test_a_recording_says_that_it_is_one() -> None:
    steps = lights._steps(passing_on.recorded("root", "there is a reason"))

    assert all("(A recording: there is a reason.)" in step.caption for step in steps)
