import os
import subprocess
import sys

import pytest

from cfslib import streams
from cfslib.children import in_child
from cfslib.streams import Finished, Pipes


def caught(script: str) -> Finished:
    """Run a shell script in a child that prints into pipes."""

    def outside() -> Finished:
        with Pipes() as pipes:
            pid = os.fork()
            if pid == 0:
                pipes.take_over()
                os.execvp("sh", ["sh", "-c", script])
            pipes.read()
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            return pipes.finished(code)

    return in_child(outside)


def test_the_two_streams_stay_apart() -> None:
    assert caught("echo one; echo two >&2; exit 3") == Finished(3, "one\n", "two\n")


def test_nothing_is_read_from_our_input() -> None:
    assert caught("cat") == Finished(0, "", "")


@pytest.mark.parametrize("first", ["", ">&2"], ids=["stdout", "stderr"])
def test_more_than_a_pipe_holds_is_no_deadlock(first: str) -> None:
    done = caught(f"head -c 300000 /dev/zero {first}; head -c 300000 /dev/zero")

    assert len(done.stdout) + len(done.stderr) == 600_000


def test_what_is_no_text_is_replaced() -> None:
    assert caught(r"printf 'a\377b'").stdout == "a�b"


def test_pipes_are_closed_again() -> None:
    def descriptors() -> bool:
        before = os.listdir("/proc/self/fd")
        with Pipes():
            pass
        return os.listdir("/proc/self/fd") == before

    assert in_child(descriptors)


@pytest.mark.parametrize("closed", [[0], [1], [0, 1, 2]], ids=str)
def test_streams_that_were_closed_are_opened(closed: list[int]) -> None:
    def have() -> list[str]:
        for fd in closed:
            os.close(fd)
        streams.have_all_three()
        return [os.readlink(f"/proc/self/fd/{fd}") for fd in closed]

    assert in_child(have) == ["/dev/null"] * len(closed)


def test_flushing_does_not_need_streams() -> None:
    script = (
        "import sys; sys.stdout = None; from cfslib import streams; streams.flush()"
    )

    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
