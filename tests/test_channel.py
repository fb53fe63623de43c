import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from cfslib import syscalls
from cfslib.channel import OUR_ERROR, Channel
from cfslib.children import in_child
from tests.conftest import is_alive, wait_until


def with_pid_1(story: Callable[[Channel], int]) -> tuple[int, int | None]:
    """Let a process live by `story`; return its exit code and what we heard."""

    def outside() -> tuple[int, int | None]:
        with Channel() as channel:
            pid = os.fork()
            if pid == 0:
                channel.live(lambda: story(channel))
            channel.let_go()
            heard = channel.hear()
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            return code, heard if heard is None else os.fstat(heard).st_ino

    return in_child(outside)


def test_a_container_that_started_is_reported_and_ends_with_its_code() -> None:
    def story(channel: Channel) -> int:
        channel.say_started(None)
        return 7

    assert with_pid_1(story) == (7, None)


def test_a_terminal_is_handed_over() -> None:
    with open("/dev/null") as file:

        def story(channel: Channel) -> int:
            channel.say_started(file.fileno())
            return 0

        assert with_pid_1(story) == (0, os.fstat(file.fileno()).st_ino)


def test_what_goes_wrong_inside_is_raised_outside() -> None:
    with pytest.raises(FileNotFoundError, match="chdir") as caught:
        with_pid_1(lambda _: syscalls.chdir("/no/such/place") or 0)  # type: ignore[func-returns-value]
    assert caught.value.__notes__[0].startswith("Hint: ")


def test_the_calls_of_pid_1_are_in_our_trace() -> None:
    def story(channel: Channel) -> int:
        syscalls.chdir("/")
        channel.say_started(None)
        return 0

    with syscalls.trace() as calls:
        with_pid_1(story)

    assert 'chdir("/") = 0' in map(str, calls)


def test_a_container_that_is_killed_before_it_started_says_so() -> None:
    def be_killed(_: Channel) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    with pytest.raises(ChildProcessError, match="killed before it started"):
        with_pid_1(be_killed)


def test_nothing_happens_before_the_makers_word() -> None:
    def never_let_go() -> int:
        with Channel() as channel:
            pid = os.fork()
            if pid == 0:
                channel.live(lambda: 0)
            channel.__exit__()
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert in_child(never_let_go) == OUR_ERROR


def test_a_container_ends_with_its_maker() -> None:
    def wait() -> int:
        signal.pause()
        return 0

    def be_killed() -> None:
        with Channel() as channel:
            pid = os.fork()
            if pid == 0:
                channel.live(wait)
            channel.let_go()
            os.write(told, str(pid).encode())
            os.kill(os.getpid(), signal.SIGKILL)

    heard, told = os.pipe()
    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(be_killed)
    pid = int(os.read(heard, 10))
    os.close(heard)
    os.close(told)

    assert wait_until(lambda: not is_alive(pid))


def test_nothing_else_stays_open() -> None:
    extra = os.open("/etc", os.O_PATH)

    def story(channel: Channel) -> int:
        os.set_inheritable(extra, True)
        channel.keep_nothing_else()
        left = subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True)
        channel.say_started(None)
        return len(left.stdout.split()) * 10 + (
            extra in map(int, os.listdir("/proc/self/fd"))
        )

    code, _ = with_pid_1(story)
    os.close(extra)

    assert code == 40  # 0, 1, 2, and the directory that ls reads
