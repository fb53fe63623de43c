import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cfslib.children import forkclient
from cfslib.children.forkclient import ask
from cfslib.children.in_child import in_child
from tests.conftest import in_time, is_alive, wait_until


@pytest.fixture(autouse=True)
def _a_server_of_its_own() -> Generator[None]:
    forkclient.stop()
    yield
    forkclient.stop()


def server() -> int:
    """Return the pid of the fork server."""
    assert forkclient.server.pid
    return forkclient.server.pid


PREAMBLE = """
import os, signal, sys, threading, time
from cfslib.children import forkclient
from cfslib.children.in_child import in_child
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""


def client(program: str) -> subprocess.Popen[str]:
    """Start a program with two threads."""
    words = [sys.executable, "-u", "-c", PREAMBLE + textwrap.dedent(program)]
    return subprocess.Popen(
        words, stdin=-1, stdout=-1, stderr=subprocess.STDOUT, text=True
    )


def test_one_server_serves_all() -> None:
    parents = {ask(os.getppid) for _ in range(3)}

    assert parents == {server()}


def test_a_server_is_started_when_it_is_needed_and_no_sooner() -> None:
    assert forkclient.server.pid is None
    ask(lambda: None)
    assert is_alive(server())


def test_a_server_that_was_killed_is_started_anew() -> None:
    first = ask(os.getppid)
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(first))

    assert ask(os.getppid) not in (first, os.getpid())


def test_a_server_that_is_killed_this_moment_is_told_or_replaced() -> None:
    outcomes = set()
    for _ in range(10):
        os.kill(ask(os.getppid), signal.SIGKILL)
        try:
            outcomes.add(ask(lambda: "well"))
        except ChildProcessError as error:
            outcomes.add(str(error))

    ended = "the fork server was killed, the child with it; or it could not fork"
    assert outcomes <= {"well", ended}


def test_a_server_that_is_killed_at_work_is_an_error_that_says_so() -> None:
    def kill_the_server() -> None:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)

    with pytest.raises(ChildProcessError, match="the fork server was killed"):
        ask(kill_the_server)
    assert ask(lambda: "and well") == "and well"


def test_stopping_ends_the_server_and_may_be_repeated() -> None:
    pid = ask(os.getppid)
    forkclient.stop()
    forkclient.stop()

    assert not is_alive(pid)


def test_stopping_ends_what_still_runs() -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, lambda: time.sleep(60))
        assert wait_until(
            lambda: bool(forkclient.server.pid) and bool(_children(server()))
        )
        forkclient.stop()

        with pytest.raises(ChildProcessError):
            running.result()


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


BUSY = """
    def busy():
        print(os.getppid(), os.getpid(), flush=True)
        time.sleep(60)

    in_child(busy)
    """


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_server_and_child_end_with_their_client(number: int) -> None:
    with client(BUSY) as process:
        assert process.stdout
        pids = [int(word) for word in process.stdout.readline().split()]
        process.send_signal(number)

    assert wait_until(lambda: not any(map(is_alive, pids)))


def test_the_server_ends_when_its_client_just_ends() -> None:
    with client("print(in_child(os.getppid))") as process:
        assert process.stdout
        pid = int(process.stdout.read())

    assert process.returncode == 0
    assert wait_until(lambda: not is_alive(pid))


def test_the_server_does_not_hear_the_ctrl_c_of_our_terminal() -> None:
    ask(lambda: None)

    assert os.getsid(server()) == server()


def test_a_child_reads_nothing() -> None:
    assert ask(lambda: os.read(0, 1)) == b""


def test_a_fork_of_ours_has_a_server_of_its_own() -> None:
    """The first one belongs to our parent: its answers would get mixed up."""
    ours = ask(os.getppid)

    def ask_again() -> bool:
        return bool(ask(os.getppid) != ours)

    assert in_child(ask_again)
    assert ask(os.getppid) == ours


def test_a_function_that_cannot_travel_is_an_error_here() -> None:
    lock = threading.Lock()

    with pytest.raises(TypeError, match="pickle"):
        ask(lambda: lock)
    assert forkclient.server.pid is None


def test_an_error_keeps_nothing_open() -> None:
    ask(lambda: None)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ZeroDivisionError):
        ask(lambda: 1 / 0)

    assert os.listdir("/proc/self/fd") == before


@pytest.mark.alone("it measures time")
def test_asking_is_fast_once_the_server_runs() -> None:
    ask(lambda: None)
    start = time.monotonic()
    for _ in range(20):
        ask(lambda: None)

    in_time(time.monotonic() - start, 2)  # starting Python takes longer
