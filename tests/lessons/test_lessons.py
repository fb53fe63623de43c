"""A check shows what is done and what is open, and never a frame of ours."""

import os
import time
from collections.abc import Callable

import pytest

from cfslib.children.in_child import in_child
from cfslib.lessons import Point, Verdict, exercise, guard, journal, wrong

Answer = Callable[[], object]


@pytest.fixture(autouse=True)
def nothing_went_wrong() -> None:
    wrong.clear()


@exercise("09-test", 1)
def check(answer: Callable[[], object]) -> list[Point]:
    return [Point("it is seven", answer() == 7, "Six, and one more.")]


@exercise("09-test", 2)
def check_in_a_child(answer: Callable[[], object]) -> list[Point]:
    return [Point("it is seven", in_child(lambda: in_child(answer)) == 7, "")]


def test_all_that_is_asked_for_is_done() -> None:
    assert str(check(lambda: 7)) == "[x] it is seven\n\nDone."
    assert journal._done() == [["09-test", 1]]


def test_the_first_open_point_gets_a_hint() -> None:
    points = Point("one", True, "first"), Point("two", False, "second")
    verdict = Verdict(("09-test", 1), (*points, Point("three", False, "third")))

    assert str(verdict).startswith("[x] one\n[ ] two\n[ ] three\n")
    assert str(verdict).endswith("\nNot yet.  second")


def raises() -> None:
    raise ValueError("of mine")


def raises_further_down() -> None:
    os.waitpid("one", 0)  # type: ignore[arg-type]


def raises_in_its_child() -> None:
    in_child(lambda: 1 / 0)


def loops() -> None:
    while True:
        time.sleep(0.001)


def loops_and_catches() -> None:
    while True:
        try:
            time.sleep(0.001)
        except Exception:
            continue


def ends_us() -> None:
    raise SystemExit(3)


STUMBLES: list[tuple[Answer, str, str]] = [
    (raises, 'raise ValueError("of mine")', "ValueError: of mine"),
    (raises_further_down, 'os.waitpid("one", 0)', "TypeError: "),
    (raises_in_its_child, "in_child(lambda: 1 / 0)", "ZeroDivisionError: "),
    (ends_us, "raise SystemExit(3)", "SystemExit: 3"),
    (loops, "time.sleep(0.001)", "it had not ended after"),
    (loops_and_catches, "", "it had not ended after"),
]


@pytest.mark.parametrize("checked", [check, check_in_a_child])
@pytest.mark.parametrize(
    ("answer", "line", "said"), STUMBLES, ids=lambda part: getattr(part, "__name__", "")
)
def test_an_answer_that_stumbles_is_the_first_open_point(
    checked: Callable[[Answer], Verdict],
    answer: Answer,
    line: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0.2)

    told = str(checked(answer))

    assert told.startswith("[ ] it runs\n\nNot yet.  Line ")
    assert line in told
    assert said in told
    assert "cfslib" not in told


def test_what_is_no_function_is_said_so() -> None:
    told = str(check(42))

    assert "answer is no function, but this: 42" in told
    assert "def answer(...)" in told


def test_different_wrong_answers_are_counted() -> None:
    def first() -> int:
        return 1

    counts = [check(answer).failures for answer in (first, first, lambda: 2, first)]

    assert counts == [1, 1, 2, 2]


def test_an_interrupt_is_no_answer() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(interrupted)


def test_an_exercise_may_know_better_what_helps() -> None:
    @exercise("09-test", 1, {"ZeroDivisionError": "What is below the line?"})
    def check(answer: Callable[[], object]) -> list[Point]:
        return [Point("it is called", answer() is None, "hint")]

    assert check(lambda: 1 // 0).hint.endswith("\nWhat is below the line?")
    assert check(lambda: [][0]).hint.endswith("list index out of range")
