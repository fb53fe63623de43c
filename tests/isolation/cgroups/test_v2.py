"""cgroup v2: in a mount of our own where the machine has it without controllers."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.cgroups import v2
from cfslib.isolation.cgroups.hierarchies import CannotLimit, Home
from cfslib.isolation.cgroups.v2 import Cgroup
from cfslib.kernel import procfs, syscalls
from tests.conftest import in_own_mounts, is_alive, needs_root

T = TypeVar("T")


def in_a_group(func: Callable[[Cgroup], T], place: Path) -> T:
    """Call `func` with a group of a cgroup2 that is mounted at `place`."""

    def child() -> T:
        syscalls.mount("cgroup2", place, "cgroup2")
        group = Cgroup(place / f"cfs-test-{os.getpid()}")
        group.create()
        try:
            return func(group)
        finally:
            group.remove()

    return in_own_mounts(child)


@needs_root
def test_creating_and_removing_twice_is_fine(tmp_path: Path) -> None:
    def twice(group: Cgroup) -> list[bool]:
        group.create()
        seen = [os.path.isdir(group.path)]
        group.remove()
        group.remove()
        return [*seen, os.path.exists(group.path)]

    assert in_a_group(twice, tmp_path) == [True, False]


@needs_root
def test_who_joins_is_in(tmp_path: Path) -> None:
    def join(group: Cgroup) -> list[str]:
        return in_child(lambda: members(group, os.getpid()))

    def members(group: Cgroup, pid: int) -> list[str]:
        group.join()
        listed = procfs.read(f"{group.inner}/cgroup.procs").split()
        return [name for name in listed if name == str(pid)]

    assert len(in_a_group(join, tmp_path)) == 1


@needs_root
def test_removing_kills_who_is_in(tmp_path: Path) -> None:
    def start(group: Cgroup) -> int:
        group.join()
        return subprocess.Popen(["sleep", "60"]).pid

    def kill(group: Cgroup) -> tuple[bool, bool, bool]:
        pid = in_child(lambda: start(group))
        before = is_alive(pid)
        group.remove()
        return before, is_alive(pid), os.path.exists(group.path)

    assert in_a_group(kill, tmp_path) == (True, False, False)


@needs_root
def test_a_limit_without_its_controller_is_an_error(tmp_path: Path) -> None:
    def limit(group: Cgroup) -> None:
        group.set("no-such.max", "7")

    with pytest.raises(OSError, match="no-such"):
        in_a_group(limit, tmp_path)


@needs_root
def test_limits_are_files_of_the_group(tmp_path: Path) -> None:
    def limit(group: Cgroup) -> str:
        if not os.path.exists(f"{group.path}/pids.max"):
            return "skip"
        group.set("pids.max", "7")
        return procfs.read(f"{group.path}/pids.max")

    found = in_a_group(limit, tmp_path)
    if found == "skip":
        pytest.skip("needs the pids controller on cgroup v2")
    assert found == "7\n"


def test_shares_become_a_weight(tmp_path: Path) -> None:
    (tmp_path / "cpu.weight").touch()
    Cgroup(tmp_path).set("cpu.shares", "1024")

    assert (tmp_path / "cpu.weight").read_text() == "100"


def test_more_shares_are_never_a_smaller_weight() -> None:
    weights = [v2.weight(shares) for shares in range(2, (1 << 18) + 1, 7)]

    assert weights == sorted(weights)
    assert (v2.weight(2), v2.weight(1 << 18)) == (1, 10000)


def test_a_limit_belongs_where_its_controller_is() -> None:
    group = Cgroup("/nowhere", ["memory"])

    assert group.holds("memory.max")
    assert not group.holds("pids.max")


# Where groups can be made: a tree of plain directories has the files that count.


def tree(top: Path, **controls: str) -> Path:
    """Make a/b below `top`; each group hands on the controllers that are named."""
    for name in ("", "a", "a/b"):
        group = top / name
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").touch()
        handed_on = controls.get(name.replace("/", "_") or "top", "")
        (group / "cgroup.subtree_control").write_text(handed_on)
    return top / "a/b"


def test_a_group_that_hands_on_already_is_left_as_it_is(tmp_path: Path) -> None:
    ours = tree(tmp_path, a_b="cpu memory pids")

    parent = v2.parent_for(Home(2, tmp_path, ours), {"memory", "pids"})

    assert parent == str(ours)
    assert (ours / "cgroup.subtree_control").read_text() == "cpu memory pids"


def test_a_group_that_does_not_is_asked_to(tmp_path: Path) -> None:
    ours = tree(tmp_path)

    assert v2.parent_for(Home(2, tmp_path, ours), {"pids", "cpu"}) == str(ours)
    assert (ours / "cgroup.subtree_control").read_text() == "+cpu +pids"


def test_in_a_scope_of_ours_we_step_aside(tmp_path: Path) -> None:
    scope = tree(tmp_path).rename(tmp_path / "a/cfs-7.scope")
    (scope / "maker").mkdir()
    (scope / "maker/cgroup.procs").touch()

    parent = v2.parent_for(Home(2, tmp_path, scope), {"memory"})

    assert parent == str(scope)
    assert (scope / "maker/cgroup.procs").read_text() == "0"


def test_in_a_scope_of_somebody_elses_we_stay(tmp_path: Path) -> None:
    scope = tree(tmp_path).rename(tmp_path / "a/vte-spawn-7.scope")
    v2.parent_for(Home(2, tmp_path, scope), {"memory"})

    assert not (scope / "maker").exists()


def test_where_nobody_delegated_there_is_no_parent(tmp_path: Path) -> None:
    ours = tree(tmp_path)
    for path in (*tmp_path.rglob("*"), tmp_path):
        path.chmod(0o555)

    def ask() -> str:
        os.chdir("/")
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        return v2.parent_for(Home(2, tmp_path, ours), {"memory"})

    try:
        with pytest.raises(CannotLimit, match="is delegated") as caught:
            in_child(ask)
    finally:
        for path in (tmp_path, *tmp_path.rglob("*")):
            path.chmod(0o755)
    assert "systemd-run" in caught.value.__notes__[0]


@needs_root
def test_a_real_tree_says_no_where_it_has_no_controllers(tmp_path: Path) -> None:
    def ask(group: Cgroup) -> str:
        home = Home(2, tmp_path, group.path)
        return v2.parent_for(home, {"no-such-controller"})

    with pytest.raises(CannotLimit):
        in_a_group(ask, tmp_path)
