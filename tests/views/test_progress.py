from dataclasses import replace

import pytest

from cfslib.images.progress import Progress
from cfslib.lessons.journal import Chapter, Exercise
from cfslib.views import progress
from cfslib.views.widget import View
from tests.conftest import wait_until
from tests.views.test_page import Reader

pytestmark = pytest.mark.alike

FIRST = Exercise("01-hostname", 1, "call a <function>", done=True)
LIST = [
    Chapter("01-hostname", [FIRST, replace(FIRST, number=2, done=False)], 7, 3, 2),
    Chapter("02-pid", [Exercise("02-pid", 1, "reap", False)], 5, 0, 0, older=True),
]


def nothing(name: str, move: Progress) -> None:
    """Run no checks."""


def test_what_is_done_and_what_is_open_can_be_told_without_colours() -> None:
    text = Reader(progress.to_html(LIST)).text

    assert "1 of 3 exercises done" in text
    assert "✓ 1. call a <function> (done)" in text
    assert text.count("(open)") == 2
    assert "3 of 7, 2 right" in text
    assert "0 of 5" in text
    assert text.count("There is a newer one") == 1


def test_a_notebook_goes_back_to_its_start() -> None:
    asked = []

    def reset(name: str) -> str:
        asked.append(name)
        return "/kept/there"

    shown = progress.view(lambda: LIST, reset, lambda: 0, nothing)
    which, _, back, *_ = shown.box.children[1].children
    which.value = "02-pid"
    back.click()

    assert asked == ["02-pid"]
    assert "/kept/there" in shown.status.value


def test_an_award_is_in_sight_when_all_is_done() -> None:
    read, award = [LIST], View("Award")
    shown = progress.view(lambda: read[0], str, lambda: 0, nothing, award)
    before = award.box.layout.display
    read[0] = [replace(LIST[0], exercises=[FIRST])]
    shown.box.children[1].children[4].click()

    assert award.box in shown.box.children
    assert (before, award.box.layout.display) == ("none", None)


def test_it_says_how_many_containers_it_ended() -> None:
    counts = [2, 0]
    shown = progress.view(lambda: LIST, str, lambda: counts.pop(0), nothing)
    end = shown.box.children[1].children[3]
    end.click()
    said = shown.status.value
    end.click()

    assert "2 ended" in said
    assert "None was running" in shown.status.value


def test_a_bar_shows_how_far_the_checks_are() -> None:
    read, seen = [LIST], []

    def check(name: str, move: Progress) -> None:
        move(1, 4)
        seen.append((name, bar.value, bar.max, bar.layout.display))
        move(4, 4)
        read[0] = [Chapter("02-pid", [replace(FIRST, done=True)] * 3, 5, 0, 0)]

    shown = progress.view(lambda: read[0], str, lambda: 0, check)
    picture, row, bar, status = shown.box.children
    row.children[1].click()

    assert wait_until(lambda: "as it is saved" in status.value)
    assert seen == [("01-hostname", 1, 4, None)]
    assert bar.layout.display == "none"
    assert "3 of 3 exercises done" in picture.value
