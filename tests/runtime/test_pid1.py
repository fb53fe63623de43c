import gc
import os
import subprocess
import time
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.runtime import init
from tests.conftest import is_alive, wait_until


def test_what_we_knew_of_the_host_is_forgotten() -> None:
    def forget() -> tuple[bytes, bytes]:
        with (
            open("/proc/self/cmdline", "rb") as line,
            open("/proc/self/environ", "rb") as environ,
        ):
            init.forget_the_host()
            return line.read(), environ.read()

    line, environ = in_child(forget)

    assert line.strip(b"\0") == b"cfs"
    assert environ.strip(b"\0") == b""


def test_memory_of_the_maker_stays_shared() -> None:
    def copied() -> int:
        """Return how many MB of the maker's memory were copied for PID 1."""
        gc.disable()
        heap = [[number] for number in range(400_000)]
        pid = os.fork()
        if pid == 0:
            gc.enable()  # a collection is due, and would look at all of that
            init.let_go_of_the_maker(os.open(os.devnull, os.O_RDWR))
            assert [[number] for number in range(2000)]
            rollup = Path("/proc/self/smaps_rollup").read_text()
            os._exit(int(rollup.partition("Private_Dirty:")[2].split()[0]) >> 10)
        assert heap
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert in_child(copied) < 10


def test_reap_yields_all_that_has_ended_and_does_not_wait() -> None:
    def reap() -> tuple[int, int]:
        living = subprocess.Popen(["sleep", "60"])
        dead = [subprocess.Popen(["true"]).pid for _ in range(3)]
        wait_until(lambda: not any(map(is_alive, dead)))
        started = time.monotonic()
        found = {pid for pid, _ in init.reap()}
        took = time.monotonic() - started
        living.kill()
        living.wait()
        return len(found & set(dead)), round(took)

    assert in_child(reap) == (3, 0)
    assert in_child(lambda: list(init.reap())) == []
