import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.kernel import syscalls, tracing
from cfslib.runtime import channel as channels
from cfslib.runtime import init
from cfslib.runtime.channel import LARGEST, OUR_ERROR, Channel
from tests.conftest import is_alive, wait_until


def pid_1(channel: Channel, story: Callable[[], int]) -> int:
    """Fork a process that lives by `story`, as the container's PID 1 does."""
    pid = os.fork()
    if pid == 0:
        channel.live(story)
    return pid


def starts(channel: Channel, code: int = 0) -> Callable[[], int]:
    """Return a story that starts a command at the first word."""

    def story() -> int:
        channel.wait()
        channel.say_starts()
        channel.say_runs(None)
        return code

    return story


def _fail() -> int:
    syscalls.chdir("/nowhere")
    return 0


def _sleep() -> int:
    time.sleep(60)
    return 0


def _code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_each_part_of_the_story_waits_for_a_word(tmp_path: Path) -> None:
    def story() -> int:
        for part in ("first", "second"):
            channel.wait()
            (tmp_path / part).touch()
        channel.say_runs(None)
        return 0

    def done() -> list[str]:
        return sorted(os.listdir(tmp_path))

    with Channel(False) as channel:
        pid = pid_1(channel, story)
        time.sleep(0.05)
        assert done() == []
        channel.say()
        assert wait_until(lambda: done() == ["first"])
        time.sleep(0.05)
        assert done() == ["first"]
        channel.say()
        channel.hear()
        assert done() == ["first", "second"]
        assert _code(pid) == 0


def test_the_result_of_the_story_is_the_exit_code() -> None:
    with Channel(False) as channel:
        pid = pid_1(channel, starts(channel, 42))
        channel.say()

        assert channel.hear() is None
        assert _code(pid) == 42


# The order.


@pytest.mark.parametrize("argv", [["echo", "a\nb", "", "\udcff"], None])
def test_what_to_run_and_where_it_prints_arrive(argv: list[str] | None) -> None:
    def story() -> int:
        channel.wait()
        told = channel.wait_for_order()
        channel.say_runs(None)
        return told == (argv, "vt100")

    with Channel(False) as channel:
        pid = pid_1(channel, story)
        channel.say()
        channel.order(argv, "vt100", [])
        channel.hear()

        assert _code(pid) == 1


def test_the_streams_of_an_order_become_the_standard_ones(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("typed")

    def story() -> int:
        channel.wait()
        before = os.listdir("/proc/self/fd")
        channel.wait_for_order()
        os.write(1, os.read(0, 100))
        os.write(2, b"error")
        channel.say_runs(None)
        return len(os.listdir("/proc/self/fd")) - len(before)

    with (
        Channel(True) as channel,
        open(tmp_path / "in") as typed,
        open(tmp_path / "out", "w") as printed,
        open(tmp_path / "err", "w") as wrong,
    ):
        pid = pid_1(channel, story)
        channel.say()
        channel.order(None, "dumb", [typed.fileno(), printed.fileno(), wrong.fileno()])
        channel.hear()

        assert _code(pid) == 256 - 1  # its end of the channel is closed by then
    assert (tmp_path / "out").read_text() == "typed"
    assert (tmp_path / "err").read_text() == "error"


def test_who_waits_for_an_order_that_brings_streams_is_named_so() -> None:
    def story() -> int:
        channel.wait()
        channel.wait_for_order()
        return 0

    with Channel(True) as channel:
        pid = pid_1(channel, story)
        comm = Path(f"/proc/{pid}/comm")
        channel.say()

        assert wait_until(lambda: comm.read_text() == f"{init.WAITING}\n")
        channel.order(None, "dumb", [])
        assert _code(pid) == 0


def test_streams_that_may_not_be_opened_stop_it() -> None:
    def story() -> int:
        channel.wait()
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, free + 1))
        channel.wait_for_order()
        return 0

    with Channel(True) as channel:
        pid = pid_1(channel, story)
        channel.say()
        channel.order(None, "dumb", [0, 1, 2])

        with pytest.raises(OSError, match="too few files may be open"):
            channel.hear()
        assert _code(pid) == OUR_ERROR


def test_a_command_fits_as_long_as_it_is_one_message_even_if_all_is_escaped() -> None:
    assert channels.fits(["echo"] * 100)
    assert channels.fits(["é" * (LARGEST // 8)])
    assert not channels.fits(["x" * LARGEST])
    assert not channels.fits(["x"] * LARGEST)


# What went wrong.


def test_an_error_in_the_story_is_raised_outside_with_its_hint() -> None:
    with Channel(False) as channel:
        pid = pid_1(channel, _fail)
        channel.say()

        with pytest.raises(FileNotFoundError, match=r'chdir\("/nowhere"\)') as caught:
            channel.hear()
        assert caught.value.__notes__[0].startswith("Hint: ")
        assert _code(pid) == OUR_ERROR


def test_the_calls_of_the_story_are_in_our_trace() -> None:
    with Channel(False) as channel, tracing.trace() as calls:
        pid = pid_1(channel, _fail)
        channel.say()
        with pytest.raises(FileNotFoundError):
            channel.hear()
        _code(pid)

    assert [str(call) for call in calls] == [
        "prctl(SET_PDEATHSIG, 9) = 0",
        'chdir("/nowhere") = -1 ENOENT',
    ]


def test_an_error_larger_than_the_socket_holds_arrives_whole() -> None:
    def story() -> int:
        raise ValueError("é" * 1_000_000)

    with Channel(False) as channel:
        pid = pid_1(channel, story)
        channel.say()

        with pytest.raises(ValueError, match=r"^é{1000000}$"):
            channel.hear()
        _code(pid)


@pytest.mark.parametrize("told", [b"__import__('os').getpid()", b"(", b"((), 1)"])
def test_what_pid_1_says_is_never_run(told: bytes) -> None:
    """Whoever is inside may have done something to it."""

    def story() -> int:
        os.write(channel.move_to(-1), told)
        return 0

    with Channel(False) as channel:
        pid = pid_1(channel, story)
        channel.say()
        with pytest.raises((ValueError, SyntaxError, TypeError)):
            channel.hear()
        _code(pid)


# Its end, and that of the maker.


@pytest.mark.parametrize("told", [True, False])
def test_a_pid_1_that_is_killed_first_is_an_error_that_says_so(told: bool) -> None:
    with Channel(False) as channel:
        pid = pid_1(channel, _sleep)
        if told:
            channel.say()
        os.kill(pid, signal.SIGKILL)
        assert _code(pid) == -signal.SIGKILL
        if not told:
            channel.say()

        with pytest.raises(ChildProcessError, match="killed before it started") as it:
            channel.hear()
        assert it.value.__notes__[0].startswith("Hint: ")


def test_once_it_starts_the_command_its_end_is_no_error() -> None:
    """The command may have run, and so must not be started anew."""

    def story() -> int:
        channel.wait()
        channel.say_starts()
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    with Channel(False) as channel:
        pid = pid_1(channel, story)
        channel.say()

        assert channel.hear() is None
        assert _code(pid) == -signal.SIGKILL


def test_a_command_that_cannot_start_is_an_error_after_all() -> None:
    def story() -> int:
        channel.wait()
        channel.say_starts()
        return _fail()

    with Channel(False) as channel:
        pid = pid_1(channel, story)
        channel.say()
        with pytest.raises(FileNotFoundError):
            channel.hear()
        _code(pid)


def test_a_pid_1_that_says_nothing_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "PATIENCE", 1)
    silence = pytest.raises(TimeoutError, match="did not start within 1 s")

    with Channel(False) as channel, silence:
        channel.hear()


def test_when_the_maker_is_gone_before_its_word_nothing_begins(
    tmp_path: Path,
) -> None:
    def story() -> int:
        channel.wait()
        (tmp_path / "mark").touch()
        return 0

    channel = Channel(False)
    with channel:
        pid = in_child(lambda: pid_1(channel, story))

    assert wait_until(lambda: not is_alive(pid))
    assert not (tmp_path / "mark").exists()


def test_when_the_maker_ends_pid_1_is_killed() -> None:
    def maker() -> tuple[int, bool]:
        def story() -> int:
            channel.wait()
            channel.say_runs(None)
            return _sleep()

        with Channel(False) as channel:
            pid = pid_1(channel, story)
            channel.say()
            channel.hear()
            return pid, is_alive(pid)

    pid, was_alive = in_child(maker)

    assert was_alive
    assert wait_until(lambda: not is_alive(pid))


@pytest.mark.parametrize("has_streams", [False, True])
def test_a_maker_that_dies_before_pid_1_asked_to_die_too_is_missed(
    has_streams: bool,
) -> None:
    def be_killed() -> None:
        def story() -> int:
            channel.wait()
            channel.wait_for_order()
            return _sleep()

        with Channel(has_streams) as channel:
            pid = os.fork()
            if pid == 0:
                time.sleep(0.1)  # so that the kernel learns our wish too late
                channel.live(story)
            channel.say()
            channel.order(None, "dumb", [0, 1, 2] if has_streams else [])
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


def test_whether_pid_1_has_said_something_can_be_asked() -> None:
    with Channel(False) as channel:
        pid = pid_1(channel, starts(channel))
        assert not channel.has_something()
        channel.say()
        _code(pid)

        assert channel.has_something()


# Descriptors.


def test_a_terminal_is_handed_over() -> None:
    def story() -> int:
        reader, writer = os.pipe()
        os.write(writer, b"hello")
        channel.wait()
        channel.say_runs(reader)
        return 0

    with Channel(True) as channel:
        pid = pid_1(channel, story)
        channel.say()
        master = channel.hear()
        assert master is not None
        with open(master, "rb") as stream:
            assert stream.read(5) == b"hello"
        _code(pid)


@pytest.mark.parametrize("with_descriptors", [False, True])
def test_a_channel_leaves_nothing_open(with_descriptors: bool) -> None:
    before = os.listdir("/proc/self/fd")
    with Channel(with_descriptors) as channel:
        pid = pid_1(channel, starts(channel))
        channel.say()
        channel.hear()
        _code(pid)

    assert os.listdir("/proc/self/fd") == before


def test_a_channel_nobody_used_leaves_nothing_open() -> None:
    before = os.listdir("/proc/self/fd")
    with Channel(False):
        pass

    assert os.listdir("/proc/self/fd") == before
