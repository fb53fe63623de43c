"""Trees that have their files in common, and trees that go."""

import os
import stat
from pathlib import Path

from cfslib.images import layers, removal
from cfslib.images.tar import Entry, Kind
from tests.conftest import ROOT
from tests.images.trees import apply, archive, differences, directory, file, symlink

OWNERS = "real" if ROOT else "recorded"
STORY = archive(
    directory("./", 0o711, mtime=7),
    directory("d", 0o1777, mtime=5, uid=3, xattrs={"user.a": b"1"}),
    file("d/f", b"f", mode=0o4750, uid=1, gid=2, mtime=6, xattrs={"user.b": b"2"}),
    symlink("d/s", "nowhere", mtime=8),
    Entry("p", Kind.FIFO, 0o600, mtime=9),
)
CLOSED = archive(directory("d", 0), directory("d/e", 0), file("d/e/f", mode=0))


def test_a_copy_is_equal_and_has_the_same_files(tmp_path: Path) -> None:
    apply(tmp_path / "tree", STORY, owners=OWNERS)

    layers.copy_linked(str(tmp_path / "tree"), str(tmp_path / "copy"))

    assert differences(tmp_path / "tree", tmp_path / "copy") == []
    for name in ("d/f", "p"):
        assert (tmp_path / "tree" / name).samefile(tmp_path / "copy" / name)
    assert not (tmp_path / "tree/d").samefile(tmp_path / "copy/d")


def test_a_copy_of_what_is_closed_to_us_leaves_it_closed(tmp_path: Path) -> None:
    apply(tmp_path / "tree", CLOSED, owners=OWNERS)

    layers.copy_linked(str(tmp_path / "tree"), str(tmp_path / "copy"))

    for name in ("tree", "copy"):
        assert stat.S_IMODE((tmp_path / name / "d").stat().st_mode) == 0
        removal.remove_tree(str(tmp_path / name))
    assert not any(tmp_path.iterdir())


def test_a_file_that_has_too_many_names_is_copied(tmp_path: Path) -> None:
    apply(
        tmp_path / "tree", archive(file("f", b"1", mode=0o640, mtime=5)), owners=OWNERS
    )
    number = 0
    try:
        for number in range(70_000):
            os.link(tmp_path / "tree/f", tmp_path / f"{number}")
    except OSError:
        pass  # what the file system has for a limit

    layers.copy_linked(str(tmp_path / "tree"), str(tmp_path / "copy"))

    assert differences(tmp_path / "tree", tmp_path / "copy") == []
    for each in range(number):
        (tmp_path / f"{each}").unlink(missing_ok=True)


def test_removing_what_is_gone_is_fine(tmp_path: Path) -> None:
    removal.remove_tree(str(tmp_path / "nothing"))


def test_removing_a_tree_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/f").touch()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/l").symlink_to("../precious")

    removal.remove_tree(str(tmp_path / "tree"))

    assert (tmp_path / "precious/f").exists()
