"""The checks of notebook 02 know right answers from wrong ones."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import pytest

from cfslib.kernel import procfs
from cfslib.lessons import guard, pid
from tests.lessons.conftest import assert_not_yet

ReapAll = Callable[[], Iterable[int]]


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


def reap_until_the_kernel_says_no() -> list[int]:
    pids = []
    while True:
        pids.append(os.wait()[0])


def reap_four() -> list[int]:
    return [os.wait()[0] for _ in range(4)]


def reap_one_by_one() -> Iterator[int]:
    with suppress(ChildProcessError):
        while True:
            yield os.wait()[0]


def reap_with_status() -> list[tuple[int, int]]:
    pids = []
    with suppress(ChildProcessError):
        while True:
            pids.append(os.wait())
    return pids


def reap_after_a_while() -> list[int]:
    time.sleep(0.5)
    return reap_who_is_dead_already()


def kill_and_reap() -> list[int]:
    os.kill(-1, signal.SIGKILL)
    return reap_all()


def never_end() -> list[int]:
    with suppress(ChildProcessError):
        reap_all()
    while True:
        signal.pause()


def obey() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def obey_at_once() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))


def obey_with_an_exception() -> None:
    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)


def obey_without_arguments() -> None:
    signal.signal(signal.SIGTERM, lambda: sys.exit(143))  # type: ignore[misc,arg-type]


def obey_too_early() -> None:
    signal.signal(signal.SIGTERM, sys.exit(143))


def obey_with_exit_itself() -> None:
    signal.signal(signal.SIGTERM, sys.exit)  # type: ignore[arg-type]


def be_the_handler(number: int, frame: object) -> None:
    sys.exit(143)


def obey_and_wait() -> None:
    obey()
    while True:
        signal.pause()


def obey_with_a_typo() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sy.exit(143))  # type: ignore[name-defined]  # noqa: F821


def obey_by_killing_itself() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))


def obey_with_the_signal() -> None:
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(-number))


def obey_the_default() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def obey_another_signal() -> None:
    signal.signal(signal.SIGINT, lambda *_: sys.exit(143))


def obey_what_cannot_be_caught() -> None:
    signal.signal(signal.SIGKILL, lambda *_: sys.exit(143))


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


@pytest.mark.parametrize("right", [reap_all, reap_one_by_one])
def test_a_right_answer_to_exercise_1_is_done(right: ReapAll) -> None:
    verdict = pid.check_reap_all(right)

    assert verdict.done, verdict


ALL = "the pids of all of them are returned, each once"


@pytest.mark.parametrize(
    ("wrong", "open_point", "hint"),
    [
        (lambda: None, "no zombie is left", "in a loop"),
        (reap_one, "no zombie is left", "in a loop"),
        (kill_instead_of_reaping, "no zombie is left", "in a loop"),
        (reap_who_is_dead_already, "nobody is still alive", "the slow ones"),
        (reap_after_a_while, "nobody is still alive", "the slow ones"),
        (kill_and_reap, "nobody is still alive, and nobody was killed", "Wait"),
        (reap_and_say_nothing, ALL, "It returned []"),
        (lambda: len(reap_all()), ALL, "It returned "),
        (lambda: print(reap_all()), ALL, "It returned None"),
        (reap_with_status, ALL, "os.waitpid returns two things"),
        (reap_until_the_kernel_says_no, "it runs", "catch it"),
        (lambda: reap_all(1), "it runs", "signature"),  # type: ignore[call-arg]
        (None, "it runs", "reap_all is no function"),
    ],
)
def test_a_wrong_answer_to_exercise_1_is_not_done(
    wrong: ReapAll, open_point: str, hint: str
) -> None:
    assert_not_yet(pid.check_reap_all(wrong), open_point, hint)


@pytest.mark.parametrize("counted", [reap_four, reap_the_three_it_had])
def test_an_answer_that_counts_is_found_out(counted: ReapAll) -> None:
    assert not pid.check_reap_all(counted).done


def test_families_differ_and_four_is_not_among_them() -> None:
    sizes = {len(_reaped()) for _ in range(20)}

    assert len(sizes) > 1
    assert min(sizes) > 4


def _reaped() -> list[int]:
    def look() -> list[int]:
        pid._have_family(pid._size())
        return reap_all()

    return pid.as_pid_1(look)


def test_an_answer_to_exercise_1_that_never_ends_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0.5)
    assert_not_yet(pid.check_reap_all(never_end), "it runs", guard.NO_END)


@pytest.mark.parametrize("right", [obey, obey_at_once, obey_with_an_exception])
def test_a_right_answer_to_exercise_2_is_done(right: Callable[[], None]) -> None:
    verdict = pid.check_obey(right)

    assert verdict.done, verdict


READY = "`obey` returns at once, and PID 1 goes on"
ENDS = "a SIGTERM from outside ends PID 1"


@pytest.mark.parametrize(
    ("wrong", "open_point", "hint"),
    [
        (lambda: os._exit(143), READY, "only prepares"),
        (signal.pause, READY, "neither waits nor ends"),
        (obey_and_wait, READY, "neither waits nor ends"),
        (lambda: None, ENDS, "no handler for SIGTERM"),
        (obey_the_default, ENDS, "SIG_DFL and SIG_IGN are none"),
        (obey_another_signal, ENDS, "no handler for SIGTERM"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), ENDS, "no handler"),
        (hear_and_go_on, ENDS, "It has a handler, and went on"),
        (obey_by_killing_itself, ENDS, "a signal to itself is dropped"),
        (obey_with_success, "its exit code is 143", "It was 0."),
        (obey_with_the_signal, "its exit code is 143", "It was 241."),
        (leave_at_once, "it runs", "This ends PID 1 now"),
        (obey_too_early, "it runs", "a function that does so later"),
        (obey_without_arguments, "it runs", "with two arguments"),
        (obey_with_exit_itself, "it runs", "with two arguments"),
        (be_the_handler, "it runs", "takes a signal and a function"),
        (obey_with_a_typo, "it runs", "Is it imported"),
        (obey_what_cannot_be_caught, "it runs", "SIGKILL and SIGSTOP take no handler"),
        (143, "it runs", "obey is no function"),
    ],
)
def test_a_wrong_answer_to_exercise_2_is_not_done(
    wrong: Callable[[], None],
    open_point: str,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pid, "MOMENT", 0.3)  # no more would change this
    assert_not_yet(pid.check_obey(wrong), open_point, hint)
