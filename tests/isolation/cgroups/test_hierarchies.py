"""Which tree holds which controller, on machines of every kind."""

import os
from pathlib import Path

import pytest

from cfslib.isolation.cgroups import hierarchies
from cfslib.isolation.cgroups.hierarchies import CannotLimit, Home
from cfslib.kernel import procfs


def machine(directory: Path, mounts: list[str], groups: list[str]) -> Path:
    """Write a /proc/self with these mounts and groups; return the /proc."""
    (directory / "self").mkdir()
    lines = [f"{n} 1 0:{n} {mount}" for n, mount in enumerate(mounts, start=20)]
    (directory / "self/mountinfo").write_text("".join(f"{line}\n" for line in lines))
    (directory / "self/cgroup").write_text("".join(f"{group}\n" for group in groups))
    return directory


def v2_tree(directory: Path, controllers: str) -> Path:
    directory.mkdir()
    (directory / "cgroup.controllers").write_text(f"{controllers}\n")
    return directory


def test_on_v1_every_controller_has_a_tree(tmp_path: Path) -> None:
    proc = machine(
        tmp_path,
        [
            "/ /cg/pids rw - cgroup cgroup rw,pids",
            "/ /cg/cpu rw - cgroup x rw,cpu,cpuacct",
        ],
        ["3:pids:/user", "2:cpu,cpuacct:/", "0::/"],
    )

    assert hierarchies.homes(proc) == [
        Home(1, "/cg/pids", "/cg/pids/user", ["pids"]),
        Home(1, "/cg/cpu", "/cg/cpu", ["cpu", "cpuacct"]),
    ]
    assert hierarchies.version(proc) == "v1"


def test_on_v2_one_tree_has_them_all(tmp_path: Path) -> None:
    top = v2_tree(tmp_path / "cg", "cpu memory pids")
    proc = machine(tmp_path, [f"/ {top} rw - cgroup2 cgroup2 rw"], ["0::/a/b"])

    there = Home(2, top, top / "a/b", ["cpu", "memory", "pids"])
    for controller in ("pids", "memory", "cpu"):
        assert hierarchies.home_of(controller, proc) == there
    assert hierarchies.version(proc) == "v2"


def test_on_a_hybrid_the_controller_decides(tmp_path: Path) -> None:
    top = v2_tree(tmp_path / "unified", "memory")
    proc = machine(
        tmp_path,
        ["/ /cg/pids rw - cgroup cgroup rw,pids", f"/ {top} rw - cgroup2 cgroup2 rw"],
        ["3:pids:/", "0::/"],
    )

    assert hierarchies.home_of("pids", proc).version == 1
    assert hierarchies.home_of("memory", proc).version == 2
    assert hierarchies.version(proc) == "v1 and v2"


def test_a_named_tree_without_a_controller_is_no_home(tmp_path: Path) -> None:
    proc = machine(
        tmp_path, ["/ /cg rw - cgroup cgroup rw,name=pids"], ["1:name=pids:/", "0::/"]
    )

    assert hierarchies.homes(proc) == [Home(1, "/cg", "/cg", ["name=pids"])]
    with pytest.raises(CannotLimit, match="pids") as caught:
        hierarchies.home_of("pids", proc)
    assert caught.value.__notes__[0].startswith("Hint: ")


def test_a_machine_without_cgroups_has_none(tmp_path: Path) -> None:
    proc = machine(tmp_path, [], [])

    assert hierarchies.version(proc) == "none"
    with pytest.raises(CannotLimit):
        hierarchies.home_of("pids", proc)


@pytest.mark.parametrize(
    ("root", "group", "directory"),
    [
        ("/", "/a/b", "a/b"),
        ("/docker/1", "/docker/1", "."),
        ("/docker/1", "/docker/1/x", "x"),
        ("/docker/1", "/docker/12", "docker/12"),
        ("/", "/..", "."),
        ("/", "/../../other", "."),
    ],
)
def test_our_group_is_found_where_only_a_part_is_mounted(
    root: str, group: str, directory: str, tmp_path: Path
) -> None:
    proc = machine(tmp_path, [f"{root} /cg rw - cgroup x rw,pids"], [f"1:pids:{group}"])

    assert hierarchies.home_of("pids", proc).ours == str(Path("/cg", directory))


def test_this_machine_says_where_we_are() -> None:
    try:
        home = hierarchies.home_of("pids")
    except CannotLimit:
        pytest.skip("needs a cgroup tree with pids")

    members = procfs.read(f"{home.ours}/cgroup.procs").split()
    assert str(os.getpid()) in members
