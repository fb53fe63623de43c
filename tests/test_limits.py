import os
import resource
import signal

import pytest

from cfslib import idmaps, limits
from cfslib.cgroups.hierarchies import CannotLimit
from cfslib.children import in_child
from cfslib.limits import Limits
from tests.conftest import ROOT, needs_root, needs_user_namespaces


def forks_under(limit: Limits, *, in_user_namespace: bool = False) -> int:
    """Say how many children a process under `limit` gets; 30 is enough."""

    def fork() -> int:
        made: list[int] = []
        try:
            while len(made) < 30:
                pid = os.fork()
                if pid == 0:
                    signal.pause()
                made.append(pid)
        except BlockingIOError:
            pass
        for pid in made:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        return len(made)

    def outside() -> int:
        with limits.enforced(limit, counted_alone=in_user_namespace) as join:

            def inside() -> int:
                if in_user_namespace:
                    idmaps.unshare_as_root(0)
                join()
                return fork()

            return in_child(inside)

    return in_child(outside)


def test_by_default_there_are_twenty_processes() -> None:
    assert Limits().settings() == {"pids.max": "20"}


def test_limits_are_written_as_the_kernel_wants_them() -> None:
    assert Limits(None, 1 << 20, 1.5).settings() == {
        "memory.max": "1048576",
        "cpu.max": "150000 100000",
    }
    assert Limits(None).settings() == {}


@needs_root
def test_root_has_a_cgroup_that_counts_processes() -> None:
    assert forks_under(Limits(5)) == 4


@needs_user_namespaces
def test_an_ordinary_user_has_another_guard() -> None:
    if ROOT:
        pytest.skip("needs an ordinary user")

    # Nobody counts those of the host: the limit is the namespace's own.
    assert forks_under(Limits(5), in_user_namespace=True) == 4


@needs_root
def test_without_limits_nothing_is_limited() -> None:
    assert forks_under(Limits(None)) == 30


@needs_root
def test_a_memory_hog_is_killed() -> None:
    def hog() -> None:
        with limits.enforced(Limits(None, 30 << 20), counted_alone=False) as join:

            def eat() -> None:
                join()
                bytearray(b"x" * (300 << 20))

            in_child(eat)

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(hog)


@pytest.mark.parametrize(
    "limit", [Limits(None, 1 << 30), Limits(20, None, 0.5)], ids=["memory", "cpu"]
)
def test_a_limit_that_was_asked_for_and_cannot_be_set_is_an_error(
    limit: Limits,
) -> None:
    if ROOT:
        pytest.skip("needs an ordinary user")

    with pytest.raises(CannotLimit) as caught:
        in_child(lambda: limits.enforced(limit, counted_alone=True).__enter__())
    assert caught.value.__notes__[0].startswith("Hint: ")


def test_a_limit_that_is_lower_already_stays() -> None:
    def limited() -> tuple[int, int]:
        resource.setrlimit(resource.RLIMIT_NPROC, (10, 10))
        limits._limit_processes(20)
        return resource.getrlimit(resource.RLIMIT_NPROC)

    assert in_child(limited) == (10, 10)
