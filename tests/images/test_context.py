"""The files that a build may copy."""

import os
import pickle
import stat
import time
from pathlib import Path

import pytest

from cfslib.images import context, patterns
from cfslib.images.context import Files, NotThere
from cfslib.images.patterns import Ignored


@pytest.mark.parametrize(
    ("pattern", "fit", "others"),
    [
        ("*.txt", ["a.txt", ".txt"], ["a.txt.x", "d/a.txt"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "-x"]),
        ("[^a-c]x", ["dx"], ["ax", "/x"]),
        (r"\*", ["*"], ["a"]),
        ("a*b*c*d*e", ["abcde", "aXbXcXdXe"], ["abcd", "ab/cde"]),
        ("(x|y)+.", ["(x|y)+."], ["x"]),
    ],
)
def test_a_pattern_fits_a_whole_name(
    pattern: str, fit: list[str], others: list[str]
) -> None:
    found = patterns.compiled(pattern)

    assert [name for name in fit + others if found(name)] == fit


@pytest.mark.parametrize("pattern", ["[", "[]", "[a", "[b-a]", "x\\", "[a-"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"no ]|its end first|nothing follows"):
        patterns.compiled(pattern)


def test_a_hostile_pattern_takes_no_longer_than_others() -> None:
    start = time.monotonic()

    assert not patterns.compiled("*a" * 40 + "b")("a" * 200)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("lines", "gone", "there"),
    [
        ("x", ["x", "x/y"], ["y", "y/x"]),
        ("/x/", ["x", "x/y"], ["y/x"]),
        ("**/x", ["x", "a/x", "a/b/x", "a/x/c"], ["xy"]),
        ("a/**/x", ["a/x", "a/b/x", "a/b/c/x"], ["x", "ax"]),
        ("a/**", ["a/x", "a/b/x"], ["a", "b"]),
        ("*\n!keep", ["x", "x/y"], ["keep", "keep/y"]),
        ("x\n!x/keep\n", ["x/y"], ["x/keep"]),
        ("!x\nx", ["x"], ["y"]),
        ("# x\n\n  y  \n", ["y"], ["x", "# x"]),
        ("../x\n./y", ["x", "y"], ["z"]),
        (".", [], ["x"]),
    ],
)
def test_dockerignore_takes_files_away_and_brings_them_back(
    lines: str, gone: list[str], there: list[str]
) -> None:
    ignored = Ignored(lines)

    assert [name for name in gone + there if ignored(name)] == gone


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "secret").write_text("secret")
    place = tmp_path / "files"
    (place / "dir/sub").mkdir(parents=True)
    for name in ("one.txt", "two.txt", "dir/x", "dir/sub/y"):
        (place / name).write_text(name)
    (place / "out").symlink_to("../secret")
    (place / "absolute").symlink_to(tmp_path / "secret")
    (place / "up").symlink_to("..")
    (place / "to_one").symlink_to("/one.txt")
    (place / "circle").symlink_to("circle")
    return Files(str(place))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("one.txt", ["one.txt"]),
        ("/one.txt", ["one.txt"]),
        ("./dir/", ["dir"]),
        (".", [""]),
        ("/", [""]),
        ("*.txt", ["one.txt", "two.txt"]),
        ("d*/*", ["dir/sub", "dir/x"]),
        ("to_one", ["to_one"]),
        ("up/one.txt", ["up/one.txt"]),
    ],
)
def test_a_source_names_files(pattern: str, found: list[str], files: Files) -> None:
    assert files.named(pattern) == found


@pytest.mark.parametrize(
    "pattern",
    [
        *("../secret", "dir/../../secret", "out", "absolute", "up/secret", "circle"),
        *("nothing", "*.c", "one.txt/x", "up/secre?"),
    ],
)
def test_nothing_leads_out_and_what_is_not_there_is_said(
    pattern: str, files: Files
) -> None:
    with pytest.raises(NotThere):
        files.named(pattern)


def test_a_link_in_a_directory_stays_a_link(files: Files) -> None:
    kinds = {way: stat.S_IFMT(status.st_mode) for way, status in files.walk("")}

    assert kinds["out"] == stat.S_IFLNK
    assert files.link("out") == "../secret"


def test_what_is_ignored_is_not_there(files: Files, tmp_path: Path) -> None:
    (tmp_path / "files/.dockerignore").write_text("dir\n!dir/sub/y\none.txt\n")
    found = context.opened(str(tmp_path / "files"))

    assert [way for way, _ in found.walk("dir")] == ["", "sub", "sub/y"]
    assert found.named("dir") == ["dir"]
    with pytest.raises(NotThere, match=r"because .dockerignore says so"):
        found.named("one.txt")


def test_a_dockerignore_that_leads_out_is_none(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "ignore").write_text("*")
    (tmp_path / "files/.dockerignore").symlink_to("../ignore")

    assert not context.opened(str(tmp_path / "files")).ignored


def test_a_fifo_in_place_of_a_dockerignore_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".dockerignore")

    assert not context.opened(str(tmp_path)).ignored


def test_open_files_are_not_for_another_process(tmp_path: Path) -> None:
    with Files(str(tmp_path)) as files, pytest.raises(TypeError, match="open here"):
        pickle.dumps(files)
