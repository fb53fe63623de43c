import pytest

from cfslib.kernel import syscalls, tracing
from cfslib.runtime.steps import Steps


def add(one: int, other: int = 0) -> int:
    return one + other


def change_to(path: str) -> None:
    syscalls.chdir(path)


def test_a_step_is_a_call() -> None:
    do = Steps(())

    assert do(add, 1, other=2) == 3


def test_one_that_is_left_out_is_not_taken() -> None:
    do = Steps({"change_to"})

    assert do(change_to, "/no/such/place") is None
    assert do(add, 1) == 1


def test_a_trace_says_in_which_step_a_call_was_made() -> None:
    do = Steps(())
    with tracing.trace() as calls:
        do(change_to, ".")
        syscalls.chdir(".")
        do(syscalls.chdir, ".")

    assert [call.step for call in calls] == ["change_to", "", "chdir"]


def test_a_step_that_fails_is_known_too() -> None:
    do = Steps(())
    with tracing.trace() as calls, pytest.raises(FileNotFoundError):
        do(change_to, "/no/such/place")

    assert [call.step for call in calls] == ["change_to"]


def test_after_each_step_who_listens_hears_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(tracing, "after_step", [heard.append])
    do = Steps({"add"})
    do(add, 1)
    do(change_to, ".")

    assert heard == ["change_to"]


def test_after_a_step_that_fails_calls_are_of_no_step() -> None:
    with pytest.raises(FileNotFoundError):
        Steps(())(change_to, "/no/such/place")
    with tracing.trace() as calls:
        syscalls.chdir(".")

    assert [call.step for call in calls] == [""]
