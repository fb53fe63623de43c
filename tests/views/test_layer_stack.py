"""The stack of layers: what it draws, and what it says."""

from collections.abc import Sequence

from hypothesis import given

from cfslib.observe import layered
from cfslib.observe.layered import (
    DIRECTORY,
    FILE,
    OPAQUE,
    WHITEOUT,
    Change,
    Moment,
    Thing,
)
from cfslib.views import layer_stack
from cfslib.views.style import COLOURS
from cfslib.views.widget import View
from tests.conftest import needs_user_namespaces
from tests.views.trees import HOSTILE

ONE = {"note": Thing(FILE, "one", 3), "log": Thing(FILE, "x" * 40, 4000)}
TWO = {"note": Thing(FILE, "two", 3), "secret": Thing(WHITEOUT)}
BELOW = {"two": TWO, "one": ONE | {"secret": Thing(FILE, "4711", 4)}}
START = Moment(
    {"upper": {}, **BELOW}, {"note": TWO["note"], "log": ONE["log"]}, ("./",)
)


def after(path: str, thing: Thing, **merged: Thing) -> Moment:
    return Moment({"upper": {path: thing}, **BELOW}, merged, ("./", f".wh.{path}"))


COPIED = after("note", Thing(FILE, "two+me", 6), note=Thing(FILE, "two+me", 6))
DELETED = after("note", Thing(WHITEOUT))


def play(changes: Sequence[Change]) -> list[Moment]:
    moments = {"write to": COPIED, "delete": DELETED}
    return [START, *(moments[change.what] for change in changes)]


def view() -> View:
    return layer_stack.view(play)


def test_at_first_one_looks_through_an_empty_layer() -> None:
    drawn = view().box.children[1].value

    assert "Nothing was changed." in drawn
    assert "note: seen, from two. secret: hidden by two. log: seen, from one." in drawn
    assert "upper as a layer: <code>nothing</code>" in drawn


def test_a_copy_up_is_said_with_its_size() -> None:
    shown = view()
    controls, picture, _ = shown.box.children
    controls.children[2].click()

    assert "Copy-up: <code>note</code> was copied" in picture.value
    assert "all of it, 6 bytes" in picture.value
    assert "note: seen, from upper." in picture.value


def test_a_whiteout_is_said_and_ends_the_look() -> None:
    shown = view()
    controls, picture, _ = shown.box.children
    controls.children[0].value = "delete"
    controls.children[2].click()

    assert "Whiteout: <code>note</code> is hidden" in picture.value
    assert "note: hidden by upper." in picture.value
    assert "<code>.wh.note</code>" in picture.value


def test_what_was_copied_up_can_be_deleted_too() -> None:
    shown = view()
    controls, picture, _ = shown.box.children
    controls.children[2].click()
    controls.children[0].value = "delete"
    controls.children[2].click()

    assert "Whiteout: <code>note</code> is hidden" in picture.value


def test_a_second_write_copies_nothing_up() -> None:
    changes = [Change("write to", "note")] * 2
    again = after("note", Thing(FILE, "two+me+me", 9))
    said = layer_stack.told(changes, COPIED, again)

    assert said == (
        "write to note: done. It is in `upper` alone that something changed."
    )


def test_undo_takes_the_last_change_back_and_another_all() -> None:
    shown = view()
    controls, picture, _ = shown.box.children
    _, _, act, undo, again = controls.children
    first = picture.value
    act.click()
    act.click()
    undo.click()
    assert "note: seen, from upper." in picture.value
    again.click()
    assert picture.value == first
    undo.click()
    assert picture.value == first


def test_the_kernels_no_is_said() -> None:
    no = Moment(START.layers, START.merged, ("./",), "delete new: No such file")
    said = layer_stack.told([Change("delete", "new")], START, no)

    assert said == "delete new: No such file. Nothing has changed."
    half = Moment(DELETED.layers, DELETED.merged, ("./",), "delete etc: no")
    said = layer_stack.told([Change("delete", "etc")], START, half)
    assert said == "delete etc: no. Some of it was done."


def test_each_name_has_its_reason() -> None:
    assert layer_stack.why("note", START)[0] == "two"
    seen, reason = layer_stack.why("log", START)
    assert seen == "one"
    assert "<code>upper</code> and <code>two</code> have nothing" in reason
    assert "has a whiteout of it" in layer_stack.why("secret", START)[1]
    assert layer_stack.why("new", START) == ("nothing", "No layer has it.")
    gone = after("etc", Thing(WHITEOUT))
    assert "hides all that is in <code>etc</code>" in layer_stack.why("etc/a", gone)[1]


def test_the_winner_has_the_colour_and_the_line() -> None:
    drawn = layer_stack.picture(["note", "secret"], None, START)

    # Of `note` the box that is seen and the one above, and its line.
    assert drawn.count(COLOURS[2]) == 3
    assert drawn.count(COLOURS[5]) == 2  # the whiteout, and the line that ends there


def test_a_long_text_is_cut_to_the_width_of_its_box() -> None:
    drawn = layer_stack.picture(["log"], None, START)

    assert "x" * (layer_stack.LONGEST - 1) + "…" in drawn
    assert "x" * layer_stack.LONGEST not in drawn


def test_what_hides_from_around_is_drawn_in_each_column() -> None:
    opaque = {"etc": Thing(OPAQUE), "etc/name": Thing(FILE, "mine", 4)}
    moment = Moment({"upper": opaque, "one": {"etc": Thing(DIRECTORY)}}, {}, ())
    drawn = layer_stack.picture(["etc/name", "etc/more"], START, moment)

    assert drawn.count("✗ opaque") == 1
    assert drawn.count("✗ nothing") == 2


@given(HOSTILE)
def test_text_stays_text(text: str) -> None:
    moment = after("note", Thing(FILE, text, 3), note=Thing(FILE, text, 3))
    drawn = layer_stack.to_html([Change("write to", "note")], [START, moment])

    assert "<script" not in drawn
    assert "\x1b" not in drawn


@needs_user_namespaces
def test_a_real_stack_can_be_drawn() -> None:
    shown = layer_stack.view(layered.played)
    controls, picture, _ = shown.box.children
    for what in layered.CHANGES:
        controls.children[0].value = what
        controls.children[2].click()

    assert not shown.status.value
    assert "note: seen, from upper." in picture.value
