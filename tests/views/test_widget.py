import threading

import pytest

from cfslib.views import widget
from cfslib.views.widget import View

pytestmark = pytest.mark.alike


def refuse() -> None:
    error = PermissionError("mount(proc): <no>")
    error.add_note("Hint: ask the doctor.")
    raise error


def stumble() -> None:
    raise KeyError("a mistake of ours")


def test_a_view_has_the_same_text_each_time() -> None:
    first, second = View("A picture"), View("A picture")

    assert repr(first) == repr(second) == "[A picture: run this cell to see it]"
    assert first._repr_mimebundle_()["text/plain"] == repr(first)


def test_a_view_is_shown_as_its_widget() -> None:
    assert "application/vnd.jupyter.widget-view+json" in View("A")._repr_mimebundle_()


def test_a_failure_is_shown_with_its_hint() -> None:
    view = View("A picture")
    view.attempt(refuse)

    shown = view.status.value
    assert "PermissionError" in shown
    assert "mount(proc): &lt;no&gt;" in shown
    assert "Hint: ask the doctor." in shown
    assert 'role="alert"' in shown
    assert "<details" not in shown


def test_a_mistake_of_ours_is_shown_with_its_place() -> None:
    view = View("A picture")
    view.attempt(stumble)

    assert "in stumble" in view.status.value


def test_what_was_wrong_before_is_gone_when_it_works() -> None:
    view = View("A picture")
    view.attempt(refuse)
    view.attempt(lambda: None)

    assert view.status.value == ""


def test_each_attempt_waits_for_its_turn() -> None:
    view, done = View("A picture"), list[int]()
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        begun.set()
        go_on.wait()
        done.append(1)

    first = threading.Thread(target=view.attempt, args=[slowly])
    second = threading.Thread(target=view.attempt, args=[lambda: done.append(2)])
    first.start()
    begun.wait()
    second.start()
    go_on.set()
    first.join()
    second.join()

    assert done == [1, 2]


def test_an_attempt_within_an_attempt_is_made() -> None:
    view, done = View("A picture"), list[int]()
    view.attempt(lambda: view.attempt(lambda: done.append(1)))

    assert done == [1]


def test_work_in_the_background_lets_the_notebook_go_on() -> None:
    view, go_on = View("A picture"), threading.Event()
    thread = view.in_background(go_on.wait)

    assert widget.WORKING in view.status.value
    view.attempt(refuse)  # somebody is impatient: the answers must not mix
    assert widget.WORKING in view.status.value
    go_on.set()
    thread.join()
    assert view.status.value == ""


def test_after_work_in_the_background_the_next_can_begin() -> None:
    view = View("A picture")
    view.in_background(lambda: None).join()
    view.attempt(refuse)

    assert "PermissionError" in view.status.value


def test_a_failure_in_the_background_is_shown() -> None:
    view = View("A picture")
    view.in_background(refuse).join()

    assert "Hint: ask the doctor." in view.status.value


def test_a_button_calls_what_it_was_given() -> None:
    pressed = []
    widget.button("Go", lambda: pressed.append(1)).click()

    assert pressed == [1]


def test_a_bar_is_in_sight_while_something_goes_on() -> None:
    shown, move = widget.bar("Copying")
    assert shown.layout.display == "none"

    move(3, 7)
    assert (shown.value, shown.max, shown.layout.display) == (3, 7, None)
    assert shown.description == "Copying, 43%"

    move(7, 7)
    assert shown.layout.display == "none"


def test_a_label_has_a_tip() -> None:
    shown, _ = widget.bar("Copying")

    assert shown.tooltip == "Copying"
