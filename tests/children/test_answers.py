import os
import pickle
import signal

import pytest

from cfslib.children import answers
from cfslib.children.answers import Answer
from cfslib.children.in_child import in_child
from cfslib.cli.parser import Usage
from cfslib.images.host_tools import MissingTool
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import syscalls, tracing
from cfslib.runtime.errors import CannotExecute


def _fails() -> None:
    raise ValueError("no")


def test_an_answer_opens_to_what_was_returned() -> None:
    assert answers.answer(lambda: 42).open() == 42


def test_an_answer_opens_to_what_was_raised() -> None:
    with pytest.raises(ValueError, match="no"):
        answers.answer(_fails).open()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_nothing_that_is_raised_gets_past_it(kind: type[BaseException]) -> None:
    def raise_it() -> None:
        raise kind

    assert isinstance(answers.answer(raise_it).error, kind)


def test_opening_records_the_calls_for_whoever_traces() -> None:
    closed = answers.answer(lambda: syscalls.chdir("."))
    with tracing.trace() as calls:
        closed.open()

    assert [str(call) for call in calls] == ['chdir(".") = 0']


def test_it_is_the_same_after_a_journey() -> None:
    answer = answers.answer(lambda: syscalls.chdir("."))

    assert pickle.loads(answers.packed(answer)) == answer


def test_an_error_keeps_class_number_file_and_notes_on_a_journey() -> None:
    answer = answers.answer(lambda: os.listdir("/nowhere"))
    error = pickle.loads(answers.packed(answer)).error

    assert isinstance(error, FileNotFoundError)
    assert (error.errno, error.filename) == (2, "/nowhere")
    assert error.__notes__ == answer.error.__notes__  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "error",
    [
        CannotLimit("why", "what to do"),
        CannotExecute(2, "sh: not there"),
        MissingTool("not on this machine: x"),
        Usage("what?"),
    ],
)
def test_our_own_errors_keep_all_they_say(error: Exception) -> None:
    arrived = pickle.loads(answers.packed(Answer(error=error))).error

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_the_line_is_the_readers_and_not_ours() -> None:
    def mistaken() -> None:
        in_child(_fails)

    with pytest.raises(ValueError, match="no") as caught:
        mistaken()
    line = _fails.__code__.co_firstlineno + 1
    assert caught.value.__notes__ == [f"In the child: line {line} of _fails()"]


def test_a_mistake_in_a_call_to_the_library_is_the_readers_line() -> None:
    def mistaken() -> None:
        os.fspath(pickle.loads(b""))

    error = answers.answer(mistaken).error

    assert error
    assert error.__notes__[0].endswith("of mistaken()")


def test_an_error_from_the_library_alone_names_the_last_line_there() -> None:
    with open(os.devnull, "rb") as stream:
        error = answers.answer(pickle.Unpickler(stream).load).error

    assert error
    assert error.__notes__[0].startswith("In the child: line ")


def test_the_line_is_none_of_the_hints() -> None:
    hinted = answers.answer(lambda: syscalls.chdir("/nowhere")).error
    unhinted = answers.answer(_fails).error

    assert hinted
    assert unhinted
    assert answers.hints_of(hinted) == tuple(hinted.__notes__)
    assert unhinted.__notes__
    assert answers.hints_of(unhinted) == ()


def test_a_hint_is_not_followed_by_a_line() -> None:
    error = answers.answer(lambda: syscalls.chdir("/nowhere")).error

    assert error
    assert len(error.__notes__) == 1
    assert error.__notes__[0].startswith("Hint: ")


def test_an_answer_that_cannot_be_packed_becomes_one_that_says_so() -> None:
    packed = answers.packed(Answer(lambda: None, calls=[]))

    with pytest.raises(ChildProcessError, match=r"cannot send .*function"):
        pickle.loads(packed).open()


class Stubborn(Exception):
    """It can be packed, but not unpacked."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def test_an_error_that_could_not_be_unpacked_is_found_out_before() -> None:
    packed = answers.packed(Answer(error=Stubborn("a", "b")))

    with pytest.raises(ChildProcessError, match=r"cannot send .*Stubborn\('ab'\)"):
        pickle.loads(packed).open()


def test_calls_travel_even_with_an_answer_that_cannot() -> None:
    def leave() -> object:
        syscalls.chdir(".")
        return lambda: None

    closed = answers.packed(answers.answer(leave))
    with tracing.trace() as calls, pytest.raises(ChildProcessError):
        pickle.loads(closed).open()

    assert [str(call) for call in calls] == ['chdir(".") = 0']


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_death_is_told_by_the_name_of_the_signal(number: signal.Signals) -> None:
    assert str(answers.died(number)).endswith(f"killed by {number.name}")


def test_a_death_by_a_signal_without_a_name_is_told_too() -> None:
    realtime = signal.SIGRTMIN + 3

    assert str(answers.died(realtime)).endswith(f"killed by signal {realtime}")


def test_an_exit_is_told_by_its_code() -> None:
    assert str(answers.died(7 << 8)).endswith("exit status 7")
