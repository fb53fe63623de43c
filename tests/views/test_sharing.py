import os
import re
import time
from dataclasses import replace

import pytest

from cfslib.isolation.namespaces import Namespace
from cfslib.lessons import company
from cfslib.observe import sightings
from cfslib.views import sharing
from tests.conftest import needs_namespaces, wait_until
from tests.views.sightings import FIRST, HOST
from tests.views.test_page import Reader

ROWS = [("this notebook", HOST), ("a container", FIRST)]


def test_equal_inodes_have_equal_letters_and_others_the_colour_of_the_column() -> None:
    seen = Reader(sharing.to_html(ROWS))
    badges = [
        (a.get("class") or "").removeprefix("cfs-badge ")
        for tag, a in seen.elements
        if "inode" in (a.get("title") or "")
    ]

    assert len(badges) == 15  # eight kinds, two processes, one of them hidden
    assert badges.count("cfs-as-first") == 14
    assert badges.count("cfs-ns-pid") == 1
    assert "?" in seen.text


def test_a_zombie_hides_nothing_it_has_left() -> None:
    dead = replace(FIRST, state="Z", namespaces=dict.fromkeys(Namespace))
    drawn = sharing.to_html([ROWS[0], ("dead", dead)])

    assert drawn.count('title="left"') == len(Namespace)
    assert 'title="hidden"' not in drawn
    assert "“dead” has left all of them." in drawn


def test_what_is_hidden_is_not_called_none() -> None:
    closed = replace(FIRST, namespaces=dict.fromkeys(Namespace))
    drawn = sharing.to_html([ROWS[0], ("closed", closed)])

    assert drawn.count('title="hidden"') == len(Namespace)
    assert "“closed” lets nobody but root look into it." in drawn
    assert "no namespace" not in drawn


@needs_namespaces
def test_a_container_is_in_the_picture_whoever_looks() -> None:
    guest = company.container()
    guest.come()
    try:
        seen = [(one.name, one) for one in guest.members()]
    finally:
        guest.go()
    here = sightings.look(os.getpid())
    assert here
    text = sharing.summary([("here", here), *seen])

    assert "has no namespace" not in text
    (said,) = re.findall("“cat” has (.*?) of its own.", text)
    assert {"UTS", "PID", "MNT"} <= set(said.split(", "))


def test_what_is_seen_is_said_too() -> None:
    text = sharing.summary(ROWS)

    said = "“a container” has PID of its own; hidden: NET."
    assert text == f"Compared with “this notebook”: {said}"


def test_a_button_acts_and_looks_again() -> None:
    rows = ROWS[:1]
    shown = sharing.view(lambda: rows, {"Start": lambda: rows.append(ROWS[1])})
    buttons, picture, _ = shown.box.children
    before = picture.value
    buttons.children[0].click()

    assert "a container" not in before
    assert "a container" in picture.value


def test_live_it_looks_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "PAUSE", 0.001)
    rows = ROWS[:1]
    shown = sharing.view(lambda: rows, {})
    buttons, picture, _ = shown.box.children
    live = buttons.children[-1]
    live.value = True
    rows.append(ROWS[1])

    assert wait_until(lambda: "a container" in picture.value)
    live.value = False


def test_ticked_again_and_again_it_looks_no_more_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sharing, "PAUSE", 0.05)
    looks: list[float] = []

    def read() -> sharing.Rows:
        looks.append(time.monotonic())
        return ROWS

    live = sharing.view(read, {}).box.children[0].children[-1]
    for _ in range(10):
        live.value = True
        live.value = False
    live.value = True
    assert wait_until(lambda: len(looks) > 5)
    live.value = False

    assert looks[5] - looks[1] > 3 * sharing.PAUSE


def test_a_button_that_fails_says_so() -> None:
    def fail() -> None:
        raise OSError("no room")

    shown = sharing.view(lambda: ROWS, {"Start": fail})
    shown.box.children[0].children[0].click()

    assert "no room" in shown.status.value
