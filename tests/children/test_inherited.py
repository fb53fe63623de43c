import os
import threading
import time

import pytest

from cfslib.children.in_child import in_child
from cfslib.children.inherited import of_this_thread
from tests.conftest import SLOWNESS, in_time, needs_root
from tests.kernel.changes import BY_ANYBODY, BY_ROOT, FOR_EXEC_TOO, IMPORTS

ALL_BY_ROOT = BY_ROOT | FOR_EXEC_TOO


def _changes(change: str) -> bool:
    """Make a change in a child; say if it shows there."""

    def child() -> bool:
        before = of_this_thread()
        exec(f"{IMPORTS}\n{change}")
        return of_this_thread() != before

    return in_child(child)


def test_a_child_that_we_fork_has_all_of_it_from_us() -> None:
    assert in_child(of_this_thread) == of_this_thread()


@pytest.mark.parametrize("change", BY_ANYBODY.values(), ids=BY_ANYBODY)
def test_a_change_shows(change: str) -> None:
    assert _changes(change)


@needs_root
@pytest.mark.parametrize("change", ALL_BY_ROOT.values(), ids=ALL_BY_ROOT)
def test_a_change_by_root_shows(change: str) -> None:
    assert _changes(change)


def test_what_a_jupyter_kernel_does_between_cells_does_not() -> None:
    assert not _changes("signal.signal(signal.SIGINT, signal.SIG_IGN)")


def test_a_thread_goes_by_its_own() -> None:
    def child() -> bool:
        found = []

        def be_nice() -> None:
            os.nice(1)
            found.append(of_this_thread())

        before = of_this_thread()
        thread = threading.Thread(target=be_nice)
        thread.start()
        thread.join()
        return found[0] != before == of_this_thread()

    assert in_child(child)


def test_it_leaves_nothing_open() -> None:
    before = os.listdir("/proc/self/fd")
    of_this_thread()

    assert os.listdir("/proc/self/fd") == before


@pytest.mark.alone("it measures time")
def test_it_takes_less_than_anybody_notices() -> None:
    def took() -> float:
        start = time.perf_counter()
        of_this_thread()
        return time.perf_counter() - start

    in_time(min(took() for _ in range(50)), 0.001 * SLOWNESS)  # starting one takes 20
