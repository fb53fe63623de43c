"""The limit gauge: a line that bends, and what the kernel did about it."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.observe import pressure
from cfslib.observe.pressure import BOMB, HOG, Load, Run, Sample, recorded
from cfslib.views import limit_gauge
from cfslib.views.widget import View
from tests.views.trees import HOSTILE

pytestmark = pytest.mark.alike


def finished(view: View) -> None:
    """Wait for the work that a button has begun."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon:
            thread.join(5)


def controls(view: View, number: int) -> tuple[Any, Any, Any]:
    box, slider, button = view.box.children[number].children
    return box, slider, button


def test_it_says_what_the_kernel_did() -> None:
    bomb, hog = recorded(BOMB), recorded(HOG)
    free = replace(bomb, events={}, stderr="")

    assert "EAGAIN" in limit_gauge.verdict(BOMB, bomb)
    assert "killed" in limit_gauge.verdict(HOG, hog)
    assert "had all that it wanted" in limit_gauge.verdict(BOMB, free)


@given(HOSTILE)
def test_a_load_may_print_anything(text: str) -> None:
    def drawn(text: str) -> str:
        return limit_gauge.to_html(BOMB, replace(recorded(BOMB), stdout=text))

    assert drawn(text).count("<") == drawn("a").count("<")


def test_a_button_runs_its_load_with_the_limit_of_its_slider() -> None:
    asked: list[tuple[str, int]] = []

    def press(load: Load, limit: int, seen: Callable[[Sample], None]) -> Run:
        asked.append((load.name, limit))
        seen(Sample(0, 1))
        return replace(recorded(load), limit=limit)

    view = limit_gauge.gauge([BOMB, HOG], press, recorded)
    _, slider, button = controls(view, 0)
    slider.value = 33
    button.click()
    finished(view)

    assert asked == [("fork bomb", 33)]
    assert "pids.max = 33 processes" in view.box.children[2].value


def test_a_slider_and_its_number_are_the_same() -> None:
    view = limit_gauge.gauge([BOMB], pressure.press, recorded)
    box, slider, _ = controls(view, 0)
    box.value = 7
    assert slider.value == 7

    slider.value = 33
    assert box.value == 33


def test_where_a_limit_cannot_be_set_it_says_why_and_shows_a_recording() -> None:
    def press(load: Load, limit: int, seen: Callable[[Sample], None]) -> Run:
        raise CannotLimit("cannot limit memory here", "be root.")

    view = limit_gauge.gauge([BOMB, HOG], press, recorded)
    _, _, button = controls(view, 1)
    button.click()
    finished(view)

    drawn = view.box.children[2].value
    assert "Recorded on another machine." in drawn
    assert "cannot limit memory here. Hint: be root." in drawn
