import os
import signal
from contextlib import suppress

import pytest

from cfslib.children.in_child import in_child
from cfslib.kernel.kept_back import PASSED_ON, KeptBack
from cfslib.runtime import lifeline
from tests.conftest import is_alive


def child_that_waits() -> int:
    pid = os.fork()
    if pid == 0:
        signal.pause()
    return pid


@pytest.mark.parametrize("fails", [True, False])
def test_a_child_ends_with_its_block(fails: bool) -> None:
    def leave() -> bool:
        with suppress(KeyboardInterrupt), lifeline.Child(child_that_waits()) as child:
            if fails:
                raise KeyboardInterrupt
        return is_alive(child.pid)

    assert in_child(leave) is False


def test_a_child_that_has_ended_is_waited_for_once_and_not_killed() -> None:
    def wait() -> list[int]:
        pid = os.fork()
        if pid == 0:
            os._exit(7)
        with lifeline.Child(pid) as child:
            codes = [os.waitstatus_to_exitcode(child.wait()) for _ in range(2)]
            child.kill()  # its pid may belong to somebody else
        return codes

    assert in_child(wait) == [7, 7]


@pytest.mark.parametrize("number", PASSED_ON)
def test_a_signal_to_us_is_one_to_the_child(number: signal.Signals) -> None:
    def send() -> int:
        signal.signal(number, signal.SIG_DFL)
        pid = child_that_waits()
        with lifeline.SignalsPassedOn(pid):
            os.kill(os.getpid(), number)
            _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)

    assert in_child(send) == -number


def test_a_signal_that_comes_early_waits_for_the_child() -> None:
    def send() -> int:
        with KeptBack() as kept:
            os.kill(os.getpid(), signal.SIGTERM)
            pid = os.fork()
            if pid == 0:
                kept.__exit__()
                signal.pause()
            with lifeline.SignalsPassedOn(pid):
                _, status = kept.wait(lambda: os.waitpid(pid, 0))
        return os.waitstatus_to_exitcode(status)

    assert in_child(send) == -signal.SIGTERM


def test_a_signal_for_a_child_that_has_ended_is_dropped() -> None:
    def send() -> str:
        pid = child_that_waits()
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with lifeline.SignalsPassedOn(pid):
            os.waitpid(pid, 0)
            os.kill(os.getpid(), signal.SIGTERM)
        return "still here"

    assert in_child(send) == "still here"


def test_what_our_caller_ignores_is_ignored() -> None:
    def send() -> bool:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        pid = child_that_waits()
        with lifeline.SignalsPassedOn(pid):
            os.kill(os.getpid(), signal.SIGHUP)
            alive = is_alive(pid)
        os.kill(pid, signal.SIGKILL)
        return alive

    assert in_child(send) is True


def test_handlers_are_put_back() -> None:
    def handlers() -> bool:
        before = {number: signal.getsignal(number) for number in PASSED_ON}
        with lifeline.SignalsPassedOn(os.getpid()):
            pass
        return {number: signal.getsignal(number) for number in before} == before

    assert in_child(handlers)
