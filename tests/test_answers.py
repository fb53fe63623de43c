import os
import pickle
import signal
import threading
from collections.abc import Callable

import pytest

from cfslib import answers, syscalls
from cfslib.answers import Answer
from cfslib.cgroups.hierarchies import CannotLimit
from cfslib.init import CannotExecute
from cfslib.syscalls import Prctl


def sent(answer: Answer) -> Answer:
    """Send an answer home, and unpack it there."""
    arrived: Answer = pickle.loads(answers.packed(answer))
    return arrived


def test_a_result_comes_home() -> None:
    assert sent(answers.answer(lambda: {"a": [1, 2]})).open() == {"a": [1, 2]}


def test_an_error_comes_home_with_its_hint() -> None:
    arrived = sent(answers.answer(lambda: syscalls.chdir("/no/such/place")))

    with pytest.raises(FileNotFoundError, match="chdir") as caught:
        arrived.open()
    assert caught.value.__notes__[0].startswith("Hint: ")


def test_an_error_without_a_hint_says_where_it_was() -> None:
    def mistake() -> None:
        raise ZeroDivisionError

    error = answers.answer(mistake).error

    assert error
    assert error.__notes__ == [
        f"In the child: line {line_of(mistake) + 1} of mistake()"
    ]


def line_of(function: object) -> int:
    return int(function.__code__.co_firstlineno)  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_even_what_ends_a_program_is_caught(error: BaseException) -> None:
    def leave() -> None:
        raise error

    assert isinstance(answers.answer(leave).error, type(error))


@pytest.mark.parametrize(
    "error", [CannotLimit("why", "what to do"), CannotExecute(2, "sh: not there")]
)
def test_our_own_errors_come_home_whole(error: OSError) -> None:
    arrived = sent(Answer(error=error)).error

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert getattr(arrived, "__notes__", []) == getattr(error, "__notes__", [])


def test_the_calls_come_home_and_are_recorded() -> None:
    arrived = sent(answers.answer(lambda: syscalls.prctl(Prctl.SET_NAME, "pytest")))

    with syscalls.trace() as calls:
        arrived.open()
    assert [call.name for call in calls] == ["prctl"]


def test_a_result_that_cannot_be_sent_is_an_error_that_says_so() -> None:
    arrived = sent(answers.answer(threading.Lock))

    with pytest.raises(ChildProcessError, match=r"cannot send.*lock"):
        arrived.open()


class Stubborn(Exception):
    """An error that can be packed and not unpacked."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def test_an_error_that_cannot_be_sent_is_at_least_named() -> None:
    def fail() -> None:
        raise Stubborn("so ", "it goes")

    with pytest.raises(ChildProcessError, match="so it goes"):
        sent(answers.answer(fail)).open()


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by SIGKILL"),
        (lambda: os._exit(3), "exit status 3"),
    ],
    ids=["killed", "ended"],
)
def test_a_child_that_died_says_of_what(end: Callable[[], None], words: str) -> None:
    pid = os.fork()
    if pid == 0:
        end()
    _, status = os.waitpid(pid, 0)

    assert words in str(answers.died(status))
