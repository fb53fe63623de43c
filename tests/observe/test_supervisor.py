"""A supervisor answers for the kernel."""

import errno
import os
import platform
import signal
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.seccomp import notify
from cfslib.isolation.seccomp.bpf import Instruction, jeq, ld, ret
from cfslib.isolation.seccomp.data import NR, Action, our_arch
from cfslib.isolation.seccomp.notify import Waiting
from cfslib.observe.supervisor import supervise

NUMBERS = {
    "x86_64": {"getppid": 110, "uname": 63, "kill": 62, "openat": 257},
    "aarch64": {"getppid": 173, "uname": 160, "kill": 129, "openat": 56},
}[platform.machine()]
EVERY = [ret(Action.USER_NOTIF)]


def asking_about(name: str) -> list[Instruction]:
    """Return a filter that has the supervisor asked about one call."""
    yes, no = ret(Action.USER_NOTIF), ret(Action.ALLOW)
    return [ld(NR), jeq(NUMBERS[name], 0, 1), yes, no]


def test_the_process_gets_what_the_supervisor_returns() -> None:
    filter_ = asking_about("getppid")

    assert in_child(lambda: supervise(filter_, os.getppid, lambda call: 42)) == 42


def test_the_call_fails_with_the_error_that_the_supervisor_raises() -> None:
    def refuse(call: Waiting) -> int:
        raise OSError(errno.EL2HLT, "any")

    def kill() -> int:
        try:
            os.kill(os.getpid(), 0)
        except OSError as error:
            return error.errno or 0
        return 0

    assert in_child(lambda: supervise(asking_about("kill"), kill, refuse)) == (
        errno.EL2HLT
    )


def test_the_kernel_answers_where_the_supervisor_says_nothing() -> None:
    def both() -> tuple[bool, int]:
        pids: list[int] = []
        answer = supervise(
            asking_about("getppid"), os.getppid, lambda call: pids.append(call.pid)
        )
        return answer == os.getpid(), len(pids)

    assert in_child(both) == (True, 1)


def test_a_filter_may_ask_about_every_call_from_the_first_on() -> None:
    def counted() -> tuple[str, bool]:
        calls: list[Waiting] = []
        text = supervise(
            EVERY,
            lambda: Path("/proc/self/comm").read_text(),
            lambda call: calls.append(call),
        )
        opened = any(call.data.nr == NUMBERS["openat"] for call in calls)
        right = all(call.data.arch == our_arch() for call in calls)
        return text, opened and right

    text, found = in_child(counted)
    assert text.strip()
    assert found


def test_the_supervisor_reads_and_writes_the_memory_of_a_process_that_waits() -> None:
    def another_name(call: Waiting) -> int:
        at = call.data.args[0] + 65  # struct utsname: after sysname, 65 bytes
        assert notify.still_waits(call)
        notify.write_memory(call, at, b"no-such-host\0")
        assert notify.memory(call, at, 7) == b"no-such"
        return 0

    def nodename() -> str:
        return os.uname().nodename

    assert in_child(
        lambda: supervise(asking_about("uname"), nodename, another_name)
    ) == ("no-such-host")


def test_what_is_read_of_a_process_that_waits_no_longer_is_not_believed() -> None:
    def kill_it(call: Waiting) -> None:
        opened = notify._Memory(call, os.O_RDONLY)
        opened.__enter__()
        os.kill(call.pid, signal.SIGKILL)
        while notify.still_waits(call):
            pass
        with pytest.raises(ProcessLookupError):
            opened.__exit__()

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(lambda: supervise(asking_about("uname"), os.uname, kill_it))


def test_the_supervisor_gives_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("ours")
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")

    def give(call: Waiting) -> int | None:
        path = notify.memory(call, call.data.args[1], 4096)
        if not path.startswith(os.fsencode(theirs) + b"\0"):
            return None
        with open(tmp_path / "ours") as file:
            notify.give(call, file.fileno())
        return None  # it has been answered; to answer once more does no harm

    text = in_child(lambda: supervise(asking_about("openat"), theirs.read_text, give))

    assert text == "ours"


def test_what_the_process_raises_is_raised_here() -> None:
    def fail() -> None:
        raise LookupError("of the target")

    with pytest.raises(LookupError, match="of the target"):
        in_child(lambda: supervise(EVERY, fail, lambda call: None))


def test_a_mistake_of_the_supervisors_ends_the_process_too() -> None:
    def wrong(call: Waiting) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_child(lambda: supervise(EVERY, os.getppid, wrong))


def test_a_filter_that_the_kernel_refuses_is_an_error_here() -> None:
    with pytest.raises(OSError, match="seccomp") as caught:
        in_child(lambda: supervise([ld(NR)], os.getppid, lambda call: None))
    assert caught.value.errno == errno.EINVAL


def test_a_process_that_is_killed_is_no_longer_waited_for() -> None:
    def wait_in_vain() -> None:
        os.kill(os.getpid(), 9)

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(lambda: supervise(EVERY, wait_in_vain, lambda call: None))


def test_a_call_of_a_process_that_was_killed_waits_no_more() -> None:
    def kill_first(call: Waiting) -> int | None:
        os.kill(call.pid, 9)
        os.waitid(os.P_PID, call.pid, os.WEXITED | os.WNOWAIT)
        assert not notify.still_waits(call)
        with pytest.raises(FileNotFoundError):  # or ProcessLookupError: it is gone
            notify.memory(call, 0, 1)
        return 42

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(lambda: supervise(asking_about("getppid"), os.getppid, kill_first))


def test_no_descriptor_is_left() -> None:
    def left() -> set[str]:
        before = set(os.listdir("/proc/self/fd"))
        supervise(asking_about("getppid"), os.getppid, lambda call: 42)
        return set(os.listdir("/proc/self/fd")) ^ before

    assert in_child(left) == set()
