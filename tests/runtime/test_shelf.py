import marshal
import os
import time
from pathlib import Path

import pytest

from cfslib.runtime import recipes, shelf
from tests.conftest import needs_root

NAME = "run --read-only"
A_RECIPE = {"name": NAME, "format": shelf.format_here(), "root": "/rootfs"}

A_TICK = 0.02  # seconds: older kernels take the time of a change from a clock of 4 ms


@pytest.fixture
def lying(tmp_path: Path) -> Path:
    """Put a recipe there, one that can be loaded."""
    path = tmp_path / NAME
    path.write_bytes(marshal.dumps(A_RECIPE))
    path.chmod(0o600)
    assert load(path) == A_RECIPE
    return path


def load(path: Path) -> shelf.Recipe | None:
    return shelf.load(os.fsencode(path.parent), path.name)


@needs_root
def test_what_another_user_wrote_is_not_loaded(lying: Path) -> None:
    os.chown(lying, 1000, 1000)

    assert load(lying) is None


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_what_others_may_write_to_is_not_loaded(lying: Path, mode: int) -> None:
    lying.chmod(mode)

    assert load(lying) is None


def test_a_recipe_under_the_name_of_another_is_not_loaded(lying: Path) -> None:
    """Who owns the directory could have `--read-only` mean something else."""
    assert load(lying.rename(lying.with_name("run"))) is None


def test_what_another_version_of_us_wrote_is_not_loaded(lying: Path) -> None:
    path, size, changed = shelf.format_here()
    lying.write_bytes(marshal.dumps(A_RECIPE | {"format": (path, size, changed - 1)}))

    assert load(lying) is None


def test_a_link_is_not_followed(lying: Path) -> None:
    target = lying.rename(lying.with_name("target"))
    lying.symlink_to(target)

    assert load(lying) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        marshal.dumps(A_RECIPE)[:-1],
        b"\xff" * 20,
        marshal.dumps(["no recipe"]),
        marshal.dumps({"root": "/rootfs"}),
    ],
)
def test_what_is_no_recipe_is_not_loaded(lying: Path, data: bytes) -> None:
    lying.write_bytes(data)

    assert load(lying) is None


def test_a_pipe_is_not_waited_for(lying: Path) -> None:
    lying.unlink()
    os.mkfifo(lying, 0o600)

    assert load(lying) is None


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({b"XDG_CACHE_HOME": b"/cache", b"HOME": b"/home"}, b"/cache/cfs/recipes"),
        ({b"XDG_CACHE_HOME": b"", b"HOME": b"/home"}, b"/home/.cache/cfs/recipes"),
        ({}, None),
    ],
)
def test_the_shelf_is_in_the_cache_of_the_user(
    environ: dict[bytes, bytes], directory: bytes | None
) -> None:
    assert shelf.directory(environ) == directory


def test_other_words_have_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names() -> list[str]:
        return [
            shelf.alias(words, environ)
            for words in ([], ["--hostname", "a b"], ["--hostname", "a", "b"])
            for environ in ({}, {b"CFS_HOSTNAME": b"a"}, {b"CFS_ROOTFS": b"a"})
        ]

    here = names()
    monkeypatch.chdir(tmp_path)
    there = names()

    assert len({*here, *there}) == 9 + 8  # without words, no path is relative
    assert not any("/" in name for name in here + there)


def test_a_directory_that_was_removed_has_a_name_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert shelf.alias(["--read-only"], {}) == "run --read-only "


def test_a_file_written_in_place_and_one_put_in_its_place_have_new_stamps(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    stamps = [shelf.stamp(str(file))]
    status = file.stat()
    time.sleep(A_TICK)
    file.write_text("behind")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if nothing was
    stamps.append(shelf.stamp(str(file)))
    time.sleep(A_TICK)
    (tmp_path / "new").write_text("before")
    (tmp_path / "new").replace(file)
    stamps.append(shelf.stamp(str(file)))

    assert len(set(stamps)) == 3


def test_what_is_saved_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    recipes.save(NAME, {"root": "/rootfs"})
    directory = shelf.directory(os.environb)
    assert directory

    assert shelf.load(directory, NAME) == A_RECIPE
    assert os.stat(directory).st_mode & 0o777 == 0o700


@pytest.fixture
def recipe(tmp_path: Path) -> shelf.Recipe:
    """Depend on a rootfs, and on a file in a directory that the test may change."""
    for name in ("root", "tools"):
        (tmp_path / name).mkdir()
    file = tmp_path / "tools/ls"
    file.write_text("old")
    paths = [str(tmp_path / "root"), str(file)]
    return {
        "circumstances": [],
        "code": [],
        "stamps": [(path, shelf.stamp(path)) for path in paths],
        "places": [str(file.parent)],
        "absent": [],
    }


def test_files_known_by_their_places_may_only_have_been_written_in_place(
    recipe: shelf.Recipe, tmp_path: Path
) -> None:
    lately = shelf.places(recipe)
    (tmp_path / "tools/ls").write_text("written in place")

    assert shelf.is_fresh(recipe, [], lately)
    assert not shelf.is_fresh(recipe, [])


@pytest.mark.parametrize("change", ["replaced", "removed", "root"])
def test_places_tell_of_other_changes(
    change: str, recipe: shelf.Recipe, tmp_path: Path
) -> None:
    lately, file = shelf.places(recipe), tmp_path / "tools/ls"
    time.sleep(A_TICK)
    if change == "replaced":
        (tmp_path / "new").write_text("new")
        (tmp_path / "new").replace(file)
    elif change == "removed":
        file.unlink()
    else:
        (tmp_path / "root/new").touch()

    assert not shelf.is_fresh(recipe, [], lately)


def test_another_file_in_their_places_changes_nothing(
    recipe: shelf.Recipe, tmp_path: Path
) -> None:
    lately = shelf.places(recipe)
    time.sleep(A_TICK)
    (tmp_path / "tools/other").touch()

    assert not shelf.are_as_before(lately)
    assert shelf.is_fresh(recipe, [], lately)
