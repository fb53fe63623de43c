"""An ordinary user to whom a part of cgroup v2 was delegated, as systemd does it."""

import os
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, limits
from cfslib.isolation.cgroups import hierarchies, v2
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.isolation.cgroups.v2 import Cgroup
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel.syscalls import Prctl, prctl
from tests.conftest import needs_root, needs_user_namespaces

T = TypeVar("T")
USER = 54321
# What systemd hands over with a group: cgroups(7), "delegation containment".
FILES = ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads")

pytestmark = [needs_root, needs_user_namespaces]


@pytest.fixture
def part() -> Generator[Cgroup]:
    """Make a group that is the user's, and in it one for the user's processes."""
    try:
        home = hierarchies.home_of("pids")
        if home.version != 2:
            pytest.skip("needs cgroup v2 with its controllers")
        above = v2.parent_for(home, {"cpu", "memory", "pids"})
    except CannotLimit as why:
        pytest.skip(f"needs cgroup v2 with its controllers: {why}")
    group = Cgroup(f"{above}/cfs-test-{os.getpid()}")
    group.create()
    for place in (group.path, group.inner):
        for file in FILES:
            os.chown(f"{place}/{file}", USER, USER)
    yield group
    group.remove()


def under(part: Cgroup, limit: Limits, func: Callable[[], T]) -> T:
    """Be the user in this part, and call `func` in a child with a limit."""

    def limited(join: Callable[[], None]) -> T:
        idmaps.unshare_as_root(Namespace(0))
        join()
        return func()

    def user() -> T:
        part.join()
        be_user()
        with limits.enforced(limit, counted_alone=False) as join:
            return in_child(lambda: limited(join))

    return in_child(user)


def be_user() -> None:
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    prctl(Prctl.SET_DUMPABLE, 1)  # or /proc/self stays root's


def group_with_limits() -> Path:
    """Return the directory of the group around the one that we are in."""
    path = Path("/proc/self/cgroup").read_text().partition("0::/")[2].strip()
    return Path(f"{hierarchies.home_of('pids').top}/{path}").parent


def test_a_fork_too_many_is_refused(part: Cgroup) -> None:
    def forks() -> int:
        made = 0
        try:
            while made < 20:
                if os.fork() == 0:
                    signal.pause()
                made += 1
        except BlockingIOError:
            pass
        return made

    assert under(part, Limits(pids_max=5), forks) == 4


def test_who_takes_too_much_memory_is_killed(part: Cgroup) -> None:
    def hog() -> int:
        return len(bytes(b"x" * (64 << 20)))

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        under(part, Limits(memory_max=32 << 20), hog)
    assert under(part, Limits(memory_max=256 << 20), hog) == 64 << 20


def test_who_computes_too_long_has_to_wait(part: Cgroup) -> None:
    def throttled() -> int:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pass
        lines = (group_with_limits() / "cpu.stat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if "nr_throttled" in line)

    assert under(part, Limits(cpu_max=0.1), throttled) > 0


def test_the_group_is_made_in_the_users_part_and_gone_afterwards(part: Cgroup) -> None:
    assert under(part, Limits(), lambda: str(group_with_limits().parent)) == part.path
    assert [path.name for path in Path(part.path).iterdir() if path.is_dir()] == [
        "inner"
    ]


def test_a_user_outside_of_it_cannot_use_it(part: Cgroup) -> None:
    def user() -> None:
        be_user()
        with limits.enforced(Limits(), counted_alone=False):
            pass

    with pytest.raises(CannotLimit, match="no cgroup around"):
        in_child(user)
