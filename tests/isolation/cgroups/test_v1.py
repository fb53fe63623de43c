"""cgroup v1, where this machine has it."""

import os
import signal
import subprocess
from collections.abc import Generator

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.cgroups import hierarchies, v1
from cfslib.isolation.cgroups.hierarchies import CannotLimit, Home
from cfslib.isolation.cgroups.v1 import Cgroup
from cfslib.kernel import procfs
from tests.conftest import is_alive

MEGABYTE = 1 << 20


def home_of(controller: str) -> Home:
    try:
        home = hierarchies.home_of(controller)
    except CannotLimit:
        pytest.skip(f"needs the cgroup controller {controller}")
    if home.version != 1:
        pytest.skip(f"needs cgroup v1 for {controller}")
    return home


@pytest.fixture(params=["pids", "memory", "cpu"])
def group(request: pytest.FixtureRequest) -> Generator[Cgroup]:
    yield from make(request.param)


@pytest.fixture
def pids() -> Generator[Cgroup]:
    yield from make("pids")


@pytest.fixture
def memory() -> Generator[Cgroup]:
    yield from make("memory")


@pytest.fixture
def cpu() -> Generator[Cgroup]:
    yield from make("cpu")


def make(controller: str) -> Generator[Cgroup]:
    home = home_of(controller)
    if os.geteuid() != 0:
        pytest.skip("needs root: v1 is not delegated")
    group = Cgroup(
        f"{v1.parent_for(home, {controller})}/cfs-test-{os.getpid()}", home.controllers
    )
    group.create()
    yield group
    group.remove()


def test_creating_and_removing_twice_is_fine(group: Cgroup) -> None:
    group.create()
    assert os.path.isdir(group.path)

    group.remove()
    group.remove()
    assert not os.path.exists(group.path)


def test_who_joins_is_in(group: Cgroup) -> None:
    def join() -> bool:
        group.join()
        return str(os.getpid()) in procfs.read(f"{group.inner}/cgroup.procs").split()

    assert in_child(join)


def test_removing_kills_who_is_in(group: Cgroup) -> None:
    def start() -> int:
        group.join()
        return subprocess.Popen(["sleep", "60"]).pid

    pid = in_child(start)
    alive = is_alive(pid)
    group.remove()

    assert alive
    assert not is_alive(pid)
    assert not os.path.exists(group.path)


def test_a_fork_beyond_pids_max_fails(pids: Cgroup) -> None:
    pids.set("pids.max", "3")

    def fork() -> int:
        pids.join()
        made = 0
        try:
            while made < 10:
                if os.fork() == 0:
                    signal.pause()
                made += 1
        except BlockingIOError:
            return made
        return -1

    assert in_child(fork) == 2  # and the process itself


def test_who_takes_more_than_memory_max_is_killed(memory: Cgroup) -> None:
    memory.set("memory.max", str(20 * MEGABYTE))

    def hog() -> int:
        memory.join()
        return len(bytes(b"x" * (200 * MEGABYTE)))

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(hog)


def test_cpu_max_is_a_quota_and_a_period(cpu: Cgroup) -> None:
    cpu.set("cpu.max", "50000 100000")

    assert procfs.read(f"{cpu.path}/cpu.cfs_quota_us") == "50000\n"
    assert procfs.read(f"{cpu.path}/cpu.cfs_period_us") == "100000\n"


def test_swap_is_limited_together_with_memory(memory: Cgroup) -> None:
    memory.create({"memory.max": str(8 * MEGABYTE), "memory.swap.max": str(MEGABYTE)})

    both = procfs.read(f"{memory.path}/memory.memsw.limit_in_bytes")
    assert int(both) == 9 * MEGABYTE


def test_shares_are_shares(cpu: Cgroup) -> None:
    cpu.set("cpu.shares", "512")

    assert procfs.read(f"{cpu.path}/cpu.shares") == "512\n"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("pids.max", {"pids.max": "7 8"}),
        ("memory.max", {"memory.limit_in_bytes": "7 8"}),
        ("cpu.max", {"cpu.cfs_quota_us": "7", "cpu.cfs_period_us": "8"}),
    ],
)
def test_limits_are_translated(setting: str, words: dict[str, str]) -> None:
    assert v1.in_v1_words(setting, "7 8") == words


def test_a_limit_belongs_to_its_controller() -> None:
    group = Cgroup("/nowhere", ["pids", "cpuacct"])

    assert group.holds("pids.max")
    assert not group.holds("memory.max")


def test_where_we_may_not_write_there_is_no_parent() -> None:
    home = home_of("pids")

    def ask() -> str:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        return v1.parent_for(home, {"pids"})

    with pytest.raises(CannotLimit, match="we may make no groups"):
        in_child(ask)
