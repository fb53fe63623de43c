"""What a program needs, as a tree: the same files that ldd lists."""

import os
from pathlib import Path

import pytest

from cfslib.images import host_tools, needs
from cfslib.images.needs import Need

PROGRAMS = [
    path for path in map(host_tools.find, ("sh", "ls", "ps", "ip", "python3")) if path
]


def files(need: Need) -> set[str]:
    """Return the real names of all files below, links followed."""
    found = {os.path.realpath(one.place) for one in need.needs if one.place}
    return found.union(*map(files, need.needs))


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_the_tree_has_the_files_that_ldd_lists(program: Path) -> None:
    listed = {os.path.realpath(path) for path in host_tools.libraries([program])}

    assert files(needs.of(program, Path("/"))) == listed


def test_in_an_empty_rootfs_everything_is_missing(tmp_path: Path) -> None:
    need = needs.of(PROGRAMS[0], tmp_path)

    assert not need.there
    assert need.missing()[0] == str(PROGRAMS[0])
    assert len(need.missing()) == len({str(PROGRAMS[0])} | set(need.missing()))
    assert len(need.missing()) > len(host_tools.libraries([PROGRAMS[0]]))


def test_with_the_program_alone_its_libraries_are_missing(tmp_path: Path) -> None:
    host_tools.copy(PROGRAMS[0], tmp_path)
    libraries = host_tools.libraries([PROGRAMS[0]])
    before = needs.of(PROGRAMS[0], tmp_path)
    for library in libraries:
        host_tools.copy(library, tmp_path)
    after = needs.of(PROGRAMS[0], tmp_path)

    assert before.there
    assert set(before.missing()) == set(map(str, libraries))
    assert after.missing() == []


def test_a_script_needs_its_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "hello"
    script.write_text("#!/bin/sh -e\n")
    need = needs.of(Path("/hello"), tmp_path)

    assert need.there
    assert [(one.name, one.there) for one in need.needs] == [("/bin/sh", False)]


def test_a_program_that_is_nowhere_is_missing(tmp_path: Path) -> None:
    assert needs.of(Path("/no/such"), tmp_path).missing() == ["/no/such"]


def test_a_link_is_followed_inside_the_rootfs_only(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/dash").touch()
    (tmp_path / "bin/sh").symlink_to("/bin/dash")
    (tmp_path / "up").symlink_to("../../../bin")
    (tmp_path / "out").symlink_to(tmp_path / "bin/dash")
    (tmp_path / "round").symlink_to("round")

    assert needs.resolve(tmp_path, Path("/bin/sh")) == tmp_path / "bin/dash"
    assert needs.resolve(tmp_path, Path("/up/sh")) == tmp_path / "bin/dash"
    assert needs.resolve(tmp_path, Path("/out")) is None
    assert needs.resolve(tmp_path, Path("/round")) is None
