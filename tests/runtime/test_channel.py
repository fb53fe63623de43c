import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.kernel import syscalls
from cfslib.runtime.channel import OUR_ERROR, Channel
from tests.conftest import is_alive, wait_until


def _pid_1(channel: Channel, story: Callable[[], int]) -> int:
    """Fork a process that lives by `story`, as the container's PID 1 does."""
    pid = os.fork()
    if pid == 0:
        channel.live(story)
    return pid


def _fail() -> int:
    syscalls.chdir("/nowhere")
    return 0


def _sleep() -> int:
    time.sleep(60)
    return 0


def _code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_story_begins_when_the_maker_says_so(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def story() -> int:
        mark.touch()
        channel.say_started(None)
        return 0

    with Channel() as channel:
        pid = _pid_1(channel, story)
        time.sleep(0.05)
        assert not mark.exists()
        channel.let_go()
        channel.hear()
        assert mark.exists()
    assert _code(pid) == 0


def test_the_result_of_the_story_is_the_exit_code() -> None:
    def story() -> int:
        channel.say_started(None)
        return 42

    with Channel() as channel:
        pid = _pid_1(channel, story)
        channel.let_go()

        assert channel.hear() is None
        assert _code(pid) == 42


def test_an_error_in_the_story_is_raised_outside_with_its_hint() -> None:
    with Channel() as channel:
        pid = _pid_1(channel, _fail)
        channel.let_go()

        with pytest.raises(FileNotFoundError, match=r'chdir\("/nowhere"\)') as caught:
            channel.hear()
        assert caught.value.__notes__[0].startswith("Hint: ")
        assert _code(pid) == OUR_ERROR


def test_the_calls_of_the_story_are_in_our_trace() -> None:
    with Channel() as channel, syscalls.trace() as calls:
        pid = _pid_1(channel, _fail)
        channel.let_go()
        with pytest.raises(FileNotFoundError):
            channel.hear()
        _code(pid)

    assert [str(call) for call in calls] == [
        "prctl(SET_PDEATHSIG, 9) = 0",
        'chdir("/nowhere") = -1 ENOENT',
    ]


def test_an_error_larger_than_the_socket_holds_arrives_whole() -> None:
    def story() -> int:
        raise ValueError("x" * 2_000_000)

    with Channel() as channel:
        pid = _pid_1(channel, story)
        channel.let_go()

        with pytest.raises(ValueError, match=r"^x{2000000}$"):
            channel.hear()
        _code(pid)


def test_a_terminal_is_handed_over() -> None:
    def story() -> int:
        reader, writer = os.pipe()
        os.write(writer, b"hello")
        channel.say_started(reader)
        return 0

    with Channel() as channel:
        pid = _pid_1(channel, story)
        channel.let_go()
        master = channel.hear()
        assert master is not None
        with open(master, "rb") as stream:
            assert stream.read(5) == b"hello"
        _code(pid)


@pytest.mark.parametrize("told", [True, False])
def test_a_pid_1_that_is_killed_first_is_an_error_that_says_so(told: bool) -> None:
    with Channel() as channel:
        pid = _pid_1(channel, _sleep)
        if told:
            channel.let_go()
        os.kill(pid, signal.SIGKILL)
        assert _code(pid) == -signal.SIGKILL
        if not told:
            channel.let_go()

        with pytest.raises(ChildProcessError, match="killed before it started") as it:
            channel.hear()
        assert it.value.__notes__[0].startswith("Hint: ")


def test_when_the_maker_is_gone_before_its_word_nothing_begins(
    tmp_path: Path,
) -> None:
    def story() -> int:
        (tmp_path / "mark").touch()
        return 0

    def maker() -> int:
        return _pid_1(Channel(), story)

    pid = in_child(maker)

    assert wait_until(lambda: not is_alive(pid))
    assert not (tmp_path / "mark").exists()


def test_when_the_maker_ends_pid_1_is_killed() -> None:
    def maker() -> tuple[int, bool]:
        def story() -> int:
            channel.say_started(None)
            return _sleep()

        with Channel() as channel:
            pid = _pid_1(channel, story)
            channel.let_go()
            channel.hear()
            return pid, is_alive(pid)

    pid, was_alive = in_child(maker)

    assert was_alive
    assert wait_until(lambda: not is_alive(pid))


def test_a_maker_that_dies_before_pid_1_asked_to_die_too_is_missed() -> None:
    def be_killed() -> None:
        with Channel() as channel:
            pid = os.fork()
            if pid == 0:
                time.sleep(0.1)  # so that the kernel learns our wish too late
                channel.live(_sleep)
            channel.let_go()
            os.write(told, str(pid).encode())
            os.kill(os.getpid(), signal.SIGKILL)

    heard, told = os.pipe()
    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(be_killed)
    pid = int(os.read(heard, 10))
    os.close(heard)
    os.close(told)
    ended = wait_until(lambda: not is_alive(pid))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

    assert ended


def test_pid_1_keeps_its_end_and_the_standard_streams_open() -> None:
    def story() -> int:
        channel.keep_nothing_else()
        # The last is the one that the directory is read with.
        kept = len(os.listdir("/proc/self/fd")) - 1
        channel.say_started(None)
        return kept

    with open("/dev/null") as _, open("/dev/zero") as _, Channel() as channel:
        pid = _pid_1(channel, story)
        channel.let_go()
        channel.hear()

        assert _code(pid) == 4


def test_a_channel_leaves_nothing_open() -> None:
    def story() -> int:
        channel.say_started(None)
        return 0

    before = os.listdir("/proc/self/fd")
    with Channel() as channel:
        pid = _pid_1(channel, story)
        channel.let_go()
        channel.hear()
        _code(pid)

    assert os.listdir("/proc/self/fd") == before


def test_a_pid_1_that_says_nothing_is_not_waited_for_for_ever() -> None:
    silence = pytest.raises(TimeoutError, match=r"did not start within 0\.05 s")
    with Channel(patience=0.05) as channel, silence:
        channel.hear()
