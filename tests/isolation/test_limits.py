import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import cgroups, idmaps, limits
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel.syscalls import Prctl, prctl
from tests.conftest import ROOT, groups_of, needs_root, needs_user_namespaces

NOBODY = 65534


def _can_make(settings: dict[str, str]) -> bool:
    try:
        return all(
            os.access(Path(g.path).parent, os.W_OK) for g in cgroups.plan(settings)
        )
    except CannotLimit:
        return False


needs_cgroups = pytest.mark.skipif(
    not _can_make({"pids.max": "1"}), reason="needs a cgroup for pids that is ours"
)
needs_no_cgroups = pytest.mark.skipif(
    not ROOT and _can_make({"pids.max": "1"}),
    reason="needs root, or a user to whom no cgroup is delegated",
)


def _be_ordinary() -> None:
    """Be a user to whom no cgroup is delegated."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        prctl(Prctl.SET_DUMPABLE, 1)  # or /proc/self stays root's


def _forks_until_refused() -> int:
    """Return how many children we can have beside us."""
    children: list[int] = []
    try:
        while len(children) < 50:
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            children.append(pid)
    except BlockingIOError:
        pass
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(children)


def _under(limits_: Limits, func: Callable[[], object], *, alone: bool) -> object:
    with limits.enforced(limits_, counted_alone=alone) as join:

        def joined() -> object:
            if alone:
                idmaps.unshare_as_root(Namespace(0))
            join()
            return func()

        return in_child(joined)


# As settings.


def test_by_default_only_processes_are_limited() -> None:
    assert Limits().settings() == {"pids.max": "20"}


def test_none_is_no_limit() -> None:
    assert Limits(pids_max=None).settings() == {}


def test_limits_are_written_as_cgroup_v2_has_them() -> None:
    assert Limits(7, 1 << 20, 1.5).settings() == {
        "pids.max": "7",
        "memory.max": "1048576",
        "cpu.max": "150000 100000",
    }


def test_swap_processors_and_shares_are_limits_as_well() -> None:
    limit = Limits(None, 1 << 20, None, 0, "0-1", 512, oom_score_adj=7)

    assert list(limit.settings().items()) == [
        ("memory.max", "1048576"),
        ("memory.swap.max", "0"),
        ("cpuset.cpus", "0-1"),
        ("cpu.shares", "512"),
    ]


def test_the_smallest_amount_of_processor_is_what_the_kernel_takes() -> None:
    assert Limits(cpu_max=0.01).settings()["cpu.max"] == "1000 100000"


# By a cgroup.


@needs_cgroups
def test_a_cgroup_refuses_one_process_too_many() -> None:
    count = _under(Limits(5), _forks_until_refused, alone=False)

    assert count == 4


@needs_cgroups
def test_who_does_not_join_is_not_limited() -> None:
    with limits.enforced(Limits(5), counted_alone=False):
        assert in_child(_forks_until_refused) == 50


@needs_cgroups
def test_the_cgroup_is_gone_afterwards() -> None:
    def ours() -> str:
        return Path("/proc/self/cgroup").read_text()

    before = ours()
    inside = _under(Limits(5), ours, alone=False)

    assert f"/cfs-{os.getpid()}-" in str(inside)
    assert ours() == before
    assert not groups_of(os.getpid())


@needs_cgroups
def test_the_cgroup_is_gone_after_an_error_too() -> None:
    def fail() -> None:
        with limits.enforced(Limits(5), counted_alone=False):
            places.extend(groups_of(os.getpid()))
            raise ZeroDivisionError

    places: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert places
    assert not any(map(os.path.exists, places))


@needs_root
def test_memory_is_limited_by_a_cgroup() -> None:
    if not _can_make({"memory.max": "1"}):
        pytest.skip("needs a cgroup for memory")

    def hog() -> None:
        len(bytes(range(256)) * (1 << 18))  # 64 MB

    with pytest.raises(ChildProcessError, match="killed by SIGKILL"):
        _under(Limits(memory_max=32 << 20), hog, alone=False)


def test_no_limits_take_no_cgroup() -> None:
    def ours() -> str:
        return Path("/proc/self/cgroup").read_text()

    assert _under(Limits(None), ours, alone=False) == ours()


# By RLIMIT_NPROC, for whoever has no cgroup.


@needs_user_namespaces
@needs_no_cgroups
def test_without_a_cgroup_the_count_in_a_user_namespace_is_as_good() -> None:
    def ordinary() -> object:
        _be_ordinary()
        return _under(Limits(5), _forks_until_refused, alone=True)

    assert in_child(ordinary) == 4


@needs_user_namespaces
@needs_no_cgroups
def test_the_limit_is_not_ours_afterwards() -> None:
    def ordinary() -> bool:
        _be_ordinary()
        before = resource.getrlimit(resource.RLIMIT_NPROC)
        _under(Limits(5), lambda: None, alone=True)
        return resource.getrlimit(resource.RLIMIT_NPROC) == before

    assert in_child(ordinary)


@needs_user_namespaces
@needs_no_cgroups
def test_a_hard_limit_that_is_lower_stays() -> None:
    def ordinary() -> object:
        _be_ordinary()
        _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        lower = 5000 if hard == resource.RLIM_INFINITY else hard
        resource.setrlimit(resource.RLIMIT_NPROC, (lower, lower))

        def found() -> bool:
            return resource.getrlimit(resource.RLIMIT_NPROC) == (lower, lower)

        return _under(Limits(lower + 1), found, alone=True)

    assert in_child(ordinary)


@needs_no_cgroups
@pytest.mark.parametrize(
    "asked",
    [
        Limits(memory_max=1 << 26),
        Limits(cpu_max=0.5),
        Limits(None, 1 << 26),
        Limits(cpuset_cpus="0"),
        Limits(cpu_shares=2),
    ],
)
def test_a_limit_that_only_a_cgroup_can_set_is_refused_and_explained(
    asked: Limits,
) -> None:
    def ordinary() -> list[str]:
        _be_ordinary()
        try:
            _under(asked, lambda: None, alone=True)
        except CannotLimit as error:
            return [str(error), *error.__notes__]
        return []

    told = in_child(ordinary)
    if not told:
        pytest.skip("a cgroup is delegated to this user")
    assert told[1].startswith("Hint: ")
    assert "memory" in told[0] or "cpu" in told[0] or "pids" in told[0]


@needs_no_cgroups
def test_where_we_would_not_be_counted_alone_it_is_an_error() -> None:
    def ordinary() -> str:
        _be_ordinary()
        try:
            with limits.enforced(Limits(5), counted_alone=False):
                return ""
        except CannotLimit as error:
            return str(error)

    assert "pids" in in_child(ordinary)


# Planned.


@needs_cgroups
def test_a_plan_makes_nothing() -> None:
    def planned() -> tuple[dict[str, str], list[str]]:
        guard = limits.plan(Limits(5), counted_alone=False)
        return dict(guard.settings), groups_of(os.getpid())

    assert in_child(planned) == ({"pids.max": "5"}, [])


# What each process has from its parent.


def test_who_is_killed_first_is_said_for_all_that_come_after() -> None:
    def score() -> str:
        return Path("/proc/self/oom_score_adj").read_text().strip()

    before = int(score())
    asked = Limits(None, oom_score_adj=min(before + 7, 1000))

    assert _under(asked, score, alone=False) == str(asked.oom_score_adj)
    assert int(score()) == before


@needs_user_namespaces
def test_an_ordinary_user_may_not_be_killed_later_than_others() -> None:
    def ordinary() -> None:
        _be_ordinary()
        _under(Limits(None, oom_score_adj=-1000), lambda: None, alone=True)

    with pytest.raises(PermissionError, match="oom_score_adj"):
        in_child(ordinary)
