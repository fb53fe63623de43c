"""The checks of notebook 02 know right answers from wrong ones."""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest

from cfslib.kernel import procfs
from cfslib.lessons import pid


def reap_all() -> list[int]:
    pids = []
    with suppress(ChildProcessError):
        while True:
            pids.append(os.waitpid(-1, 0)[0])
    return pids


def reap_one() -> list[int]:
    return [os.waitpid(-1, 0)[0]]


def reap_the_three_it_had() -> list[int]:
    return [os.wait()[0] for _ in range(3)]


def reap_who_is_dead_already() -> list[int]:
    pids = []
    while (found := os.waitpid(-1, os.WNOHANG)[0]) != 0:
        pids.append(found)
    return pids


def reap_and_say_nothing() -> list[int]:
    reap_all()
    return []


def kill_instead_of_reaping() -> list[int]:
    for victim in (2, 3, 4, 5):
        os.kill(victim, signal.SIGKILL)
    return [2, 3, 4, 5]


def never_end() -> list[int]:
    with suppress(ChildProcessError):
        reap_all()
    while True:
        signal.pause()


def obey() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def obey_at_once() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))


def obey_the_default() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def obey_another_signal() -> None:
    signal.signal(signal.SIGINT, lambda *_: sys.exit(143))


def obey_with_success() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def hear_and_go_on() -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)


def leave_at_once() -> None:
    sys.exit(143)


def test_pid_1_is_number_1_and_its_proc_shows_nobody_else() -> None:
    assert pid.as_pid_1(pid._others) == []
    assert pid.as_pid_1(os.getpid) == 1
    assert procfs.status()["Pid"] == str(os.getpid())


@pytest.mark.parametrize("right", [reap_all])
def test_a_right_answer_to_exercise_1_is_done(
    right: Callable[[], Iterable[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    pid.check_reap_all(right)

    assert "Done." in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: None,
        reap_one,
        reap_the_three_it_had,
        reap_who_is_dead_already,
        reap_and_say_nothing,
        kill_instead_of_reaping,
    ],
)
def test_a_wrong_answer_to_exercise_1_is_not_done(
    wrong: Callable[[], Iterable[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    pid.check_reap_all(wrong)

    assert "Not yet." in capsys.readouterr().out


def test_an_answer_that_never_ends_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pid, "PATIENCE", 1)

    with pytest.raises(ChildProcessError, match="SIGALRM"):
        pid.check_reap_all(never_end)


@pytest.mark.parametrize("right", [obey, obey_at_once])
def test_a_right_answer_to_exercise_2_is_done(
    right: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    pid.check_obey(right)

    assert "Done." in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong", [lambda: None, obey_the_default, obey_another_signal, hear_and_go_on]
)
def test_an_answer_to_exercise_2_that_does_not_end_is_not_done(
    wrong: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pid, "MOMENT", 0.2)  # no more would change this
    pid.check_obey(wrong)

    out = capsys.readouterr().out
    assert "[ ] a SIGTERM from outside ends it" in out
    assert "Not yet." in out


@pytest.mark.parametrize(
    ("wrong", "open_point"),
    [
        (obey_with_success, "its exit code is 143"),
        (leave_at_once, "PID 1 runs until it is told to end"),
    ],
)
def test_a_wrong_answer_to_exercise_2_is_not_done(
    wrong: Callable[[], None], open_point: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pid.check_obey(wrong)

    out = capsys.readouterr().out
    assert f"[ ] {open_point}" in out
    assert "Not yet." in out


def test_an_answer_that_waits_itself_is_not_waited_for() -> None:
    with pytest.raises(ChildProcessError, match="SIGALRM"):
        pid.check_obey(signal.pause)
