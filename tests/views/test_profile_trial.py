"""The smallest profile: what is refused by a click."""

from collections import Counter
from collections.abc import Collection, Sequence

import pytest

from cfslib.observe.filtered import Observed, Run
from cfslib.views import profile_trial
from cfslib.views.widget import View

pytestmark = pytest.mark.alike

WHOLE = Run(0, "box\n")
SEEN = Observed(WHOLE, Counter({"execve": 1, "mmap": 8, "uname": 1, "brk": 3}))
NEEDED = ["execve", "mmap", "uname"]


def run(argv: Sequence[str], allowed: Collection[str]) -> Run:
    return WHOLE if set(NEEDED) <= set(allowed) else Run(-11, "")


def view() -> View:
    return profile_trial.view(
        [["hostname"]], lambda argv: SEEN, run, lambda argv, made: NEEDED
    )


def test_at_first_all_calls_are_allowed() -> None:
    _, boxes, result, _ = view().box.children

    assert [box.description for box in boxes.children] == [
        "execve",
        "mmap (8)",
        "uname",
        "brk (3)",
    ]
    assert all(box.value for box in boxes.children)
    assert "4 of 4 calls are allowed" in result.value


def test_a_program_that_misses_a_call_is_said_to() -> None:
    _, boxes, result, _ = view().box.children
    boxes.children[2].value = False

    assert "3 of 4 calls are allowed" in result.value
    assert "signal 11 ended it" in result.value


def test_a_call_that_nobody_misses_may_go() -> None:
    _, boxes, result, _ = view().box.children
    boxes.children[3].value = False

    assert "It does what it did before." in result.value


def test_the_call_that_starts_it_cannot_be_refused() -> None:
    _, boxes, _, _ = view().box.children

    assert [box.disabled for box in boxes.children] == [True, False, False, False]


def test_how_a_program_ended_is_said_in_words() -> None:
    assert profile_trial.how(Run(1, "")) == "its exit code is 1"
    assert profile_trial.how(Run(0, "other")) == "it prints something else"
    assert "in vain" in profile_trial.how(Run(-9, "", timed_out=True))
