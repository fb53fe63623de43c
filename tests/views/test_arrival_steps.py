"""One on the way into a container, as pictures."""

from dataclasses import replace

from cfslib.observe import arrival
from cfslib.observe.arrival import RECORDED, Moment
from cfslib.observe.belongings import NEITHER, OURS, THEIRS, Light
from cfslib.views import arrival_steps

BEFORE = Moment(
    "Before", "", (Light("UTS", OURS), Light("/", OURS), Light("rights", OURS, "none"))
)
AFTER = replace(
    BEFORE,
    lights=(Light("UTS", THEIRS), Light("/", OURS), Light("rights", NEITHER, "all")),
)


def test_a_light_is_on_for_what_the_container_has() -> None:
    assert arrival_steps.picture(None, BEFORE).count(": on<") == 0
    drawn = arrival_steps.picture(BEFORE, AFTER)
    assert ">UTS: on<" in drawn
    assert drawn.count(": off<") == 2
    assert "its own: all" in drawn


def test_what_has_changed_is_marked_and_only_that() -> None:
    assert arrival_steps.picture(None, BEFORE).count("cfs-wire") == 0
    assert arrival_steps.picture(BEFORE, BEFORE).count("cfs-wire") == 0
    assert arrival_steps.picture(BEFORE, AFTER).count("cfs-wire") == 2


def test_the_picture_is_told_in_words_too() -> None:
    assert arrival_steps.said(BEFORE).startswith("As in the container: nothing.")
    assert arrival_steps.said(AFTER) == (
        "As in the container: UTS. / is ours. rights is neither."
    )


def test_every_light_has_a_colour() -> None:
    names = {light.name for moment in arrival.recorded() for light in moment.lights}

    assert names <= set(arrival_steps.COLOURS)


def test_a_recording_says_that_it_is_one() -> None:
    view = arrival_steps.view({RECORDED: arrival.recorded()})

    assert "(A recording: this machine" in view.box.children[1].value
    assert "Step 0 of 12" in view.box.children[1].value
