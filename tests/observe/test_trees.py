"""Groups are made where the kernel has them, and limits of disks where there is one."""

import os
from pathlib import Path

import pytest

from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.observe.trees import Trees, disk_under

MEMORY = Path("/dev/shm")


def test_what_is_in_memory_is_on_no_disk() -> None:
    with pytest.raises(CannotLimit, match="/dev/shm is on no disk"):
        disk_under(MEMORY)


def known_disk(place: Path, number: int) -> Path:
    """Make a list of disks with one, and on it a partition with this number."""
    disk = place / "sda"
    part = disk / "sda1"
    part.mkdir(parents=True)
    (disk / "dev").write_text("8:0\n")
    (part / "dev").write_text(f"{os.major(number)}:{os.minor(number)}\n")
    (part / "partition").write_text("1\n")
    known = place / "block"
    known.mkdir()
    (known / part.joinpath("dev").read_text().strip()).symlink_to(part)
    return known


def test_a_limit_is_for_the_disk_and_not_for_its_partition(tmp_path: Path) -> None:
    known = known_disk(tmp_path, tmp_path.stat().st_dev)

    assert disk_under(tmp_path, known) == "8:0"


def test_a_disk_is_one_that_the_kernel_has() -> None:
    try:
        disk = disk_under(Path("/var/tmp"))
    except CannotLimit as error:
        pytest.skip(str(error))

    assert disk in [
        path.read_text().strip() for path in Path("/sys/block").glob("*/dev")
    ]


def test_where_groups_have_no_limits_for_disks_it_is_said(tmp_path: Path) -> None:
    trees = Trees({"pids": tmp_path}, 2)

    with pytest.raises(CannotLimit, match="limits for disks"):
        trees.disk(trees["io"], tmp_path)
