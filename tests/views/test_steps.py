"""A story step by step: the slider, the buttons, and the choice between stories."""

import ipywidgets
import pytest

from cfslib.views import steps
from cfslib.views.page import Markup
from cfslib.views.steps import Step

pytestmark = pytest.mark.alike


def told(name: str, length: int) -> list[Step]:
    return [Step(f"{name}{n}", "So `it` is.", Markup("<svg/>")) for n in range(length)]


def test_it_begins_at_the_first_step() -> None:
    _, picture, _ = steps.view("Story", {"": told("a", 3)}).box.children

    assert "Step 0 of 2: </b>" not in picture.value
    assert "Step 0 of 2: a0" in picture.value
    assert "So <code>it</code> is." in picture.value


def test_the_buttons_go_a_step_back_and_on_and_no_further_than_the_ends() -> None:
    controls, picture, _ = steps.view("Story", {"": told("a", 3)}).box.children
    back, on, number = controls.children
    back.click()
    assert "Step 0 of 2" in picture.value

    for _ in range(5):
        on.click()
    assert "Step 2 of 2" in picture.value

    number.value = 1
    assert "Step 1 of 2" in picture.value


def test_another_story_is_shown_at_the_same_step_if_it_has_one() -> None:
    stories = {"long": told("a", 4), "short": told("b", 2)}
    view = steps.view("Story", stories, "Which")
    controls, picture, _ = view.box.children
    which, _, _, number = controls.children
    assert isinstance(which, ipywidgets.Dropdown)
    number.value = 3
    which.value = "short"

    assert "Step 1 of 1: b1" in picture.value
    assert not view.status.value
    which.value = "long"
    assert "Step 1 of 3: a1" in picture.value


def test_a_call_is_code_in_a_title() -> None:
    assert steps.titled('chroot("/a")') == '`chroot("/a")`'
    assert steps.titled("Before") == "Before"
