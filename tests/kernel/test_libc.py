import errno
import os
import resource
import signal

import pytest

from cfslib.children.in_child import in_child
from cfslib.kernel import libc

FDS = "/proc/self/fd/"


def test_descriptors_above_the_limit_of_today_are_closed_too() -> None:
    """Who had a higher limit before may have some there."""

    def child() -> tuple[int, list[str]]:
        high = os.dup2(os.open("/", os.O_RDONLY), 900)
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.dup2(writer, 1)
            libc.close_from(3)
            found = [
                n for n in ("2", "3", "900") if os.path.exists(f"/proc/self/fd/{n}")
            ]
            os.write(1, " ".join(found).encode())
            os._exit(0)
        os.wait()
        return high, os.read(reader, 100).decode().split()

    assert in_child(child) == (900, ["2"])


def test_who_reads_from_a_socketpair_waits_no_longer_than_its_patience() -> None:
    ours, theirs = libc.socketpair(1)
    try:
        with pytest.raises(BlockingIOError):
            os.read(ours, 1)
        os.write(theirs, b"!")

        assert os.read(ours, 1) == b"!"
    finally:
        os.close(ours)
        os.close(theirs)


def test_its_sockets_are_closed_on_exec() -> None:
    pair = libc.socketpair(1)
    try:
        assert [os.get_inheritable(fd) for fd in pair] == [False, False]
    finally:
        for fd in pair:
            os.close(fd)


def test_we_can_move_to_another_processor_and_may_then_use_all() -> None:
    every = os.sched_getaffinity(0)

    def move() -> tuple[int, int, set[int]]:
        before = libc.getcpu()
        libc.move_elsewhere(0)
        return before, libc.getcpu(), os.sched_getaffinity(0)

    before, after, processors = in_child(move)
    assert (before != after) == (len(every) > 1)
    assert processors == every


def test_on_one_processor_nothing_moves() -> None:
    def move() -> set[int]:
        os.sched_setaffinity(0, {libc.getcpu()})
        libc.move_elsewhere(0)
        return os.sched_getaffinity(0)

    assert len(in_child(move)) == 1


def test_a_refused_call_is_an_error_with_its_number() -> None:
    with pytest.raises(OSError, match=rf"\[Errno {errno.EINVAL}\]"):
        libc.prctl(-1, 0)


def test_overwritten_memory_holds_the_text_and_then_zeros() -> None:
    import ctypes

    memory = ctypes.create_string_buffer(b"secret of the host", 19)
    libc.overwrite(ctypes.addressof(memory), 18, b"cfs")
    assert memory.raw == b"cfs".ljust(19, b"\0")

    libc.overwrite(ctypes.addressof(memory), 2, b"longer than it")
    assert memory.raw == b"lo" + b"s".ljust(17, b"\0")


def test_limits_are_what_python_says() -> None:
    for name in (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
        # Where Python says -1, for no limit, C has the greatest number there is.
        theirs = [number % 2**64 for number in resource.getrlimit(name)]

        assert list(libc.getrlimit(name)) == theirs


def test_a_quiet_child_is_waited_for_by_who_knows_it() -> None:
    def ask() -> tuple[int, int]:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        pid = libc.fork_quietly()
        if pid == 0:
            os._exit(7)
        with pytest.raises(ChildProcessError):  # it is not among all the children
            os.waitpid(-1, 0)
        return libc.wait_for(pid), len(signal.sigpending())

    assert in_child(ask) == (7 << 8, 0)


def test_a_fork_that_is_refused_says_so() -> None:
    def ask() -> None:
        if os.geteuid() == 0:  # who has no such limit
            os.setuid(54329)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        libc.fork_quietly()

    with pytest.raises(BlockingIOError, match="temporarily unavailable"):
        in_child(ask)
