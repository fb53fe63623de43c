"""08-images: right answers pass, the usual wrong ones do not, and get a hint."""

import gzip
import io
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfslib.images import layers
from cfslib.lessons import images as lesson
from tests.conftest import needs_user_namespaces
from tests.lessons.conftest import assert_not_yet

pytestmark = pytest.mark.long

RUNS = "it runs"
Texts = dict[str, str]


def raise_it(*_: object) -> Any:
    raise ZeroDivisionError("in the answer")


def without_end(*_: object) -> Any:
    while True:
        pass


# Who wins


def merged(stack: list[Texts]) -> Texts:
    seen: Texts = {}
    for files in stack:
        seen = {name: seen[name] for name in seen if not hidden(name, files)}
        seen |= {name: files[name] for name in files if not is_mark(name)}
    return seen


def is_mark(name: str) -> bool:
    return Path(name).name.startswith(".wh.")


def hidden(name: str, files: Texts) -> bool:
    for path in (Path(name), *Path(name).parents):
        marks = path.parent / f".wh.{path.name}", path.parent / ".wh..wh..opq"
        if path.name and any(str(mark) in files for mark in marks):
            return True
    return False


def test_who_follows_the_whiteouts_is_right() -> None:
    told = lesson.check_merged(merged)

    assert told.done, told


def overwritten(stack: list[Texts]) -> Texts:
    return {name: text for files in stack for name, text in files.items()}


def from_above(stack: list[Texts]) -> Texts:
    return overwritten(stack[::-1])


def last_in_the_layer(stack: list[Texts]) -> Texts:
    seen: Texts = {}
    for files in stack:
        for name, text in files.items():
            if is_mark(name):
                seen.pop(name.replace(".wh.", ""), None)
            else:
                seen[name] = text
    return seen


def for_ever(stack: list[Texts]) -> Texts:
    every = overwritten(stack)
    gone = {name.replace(".wh.", "") for name in every if is_mark(name)}
    return {n: t for n, t in every.items() if not is_mark(n) and n not in gone}


def files_alone(stack: list[Texts]) -> Texts:
    seen: Texts = {}
    for files in stack:
        gone = {name.replace(".wh.", "") for name in files if is_mark(name)}
        seen = {name: seen[name] for name in seen if name not in gone}
        seen |= {name: files[name] for name in files if not is_mark(name)}
    return seen


def wherever_it_stands(stack: list[Texts]) -> Texts:
    """Take a name for a whiteout that has its mark in the middle."""
    return {n: text for n, text in merged(stack).items() if ".wh." not in n}


def by_the_first_letters(stack: list[Texts]) -> Texts:
    seen: Texts = {}
    for files in stack:
        gone = tuple(name.replace(".wh.", "") for name in files if is_mark(name))
        seen = {name: seen[name] for name in seen if not name.startswith(gone)}
        seen |= {name: files[name] for name in files if not is_mark(name)}
    return seen


def not_opaque(stack: list[Texts]) -> Texts:
    without = [
        {n: t for n, t in files.items() if not n.endswith(".opq")} for files in stack
    ]
    return merged(without)


SINGLE = "what a single layer has is seen"
HIGHEST = "the highest layer that has a file wins"
FILE = "a whiteout hides a file below"
OWN = "it hides nothing of its own layer"
ABOVE = "it hides nothing of the layers above"
DIRECTORY = "one of a directory hides all that is in it"
OPAQUE = "an opaque directory hides all"
MERGED: list[tuple[Callable[[Any], Any], str, str]] = [
    (overwritten, FILE, "is not seen itself"),
    (wherever_it_stands, FILE, "does not begin"),
    (from_above, HIGHEST, "from below"),
    (last_in_the_layer, OWN, "First take away"),
    (for_ever, OWN, ""),
    (files_alone, DIRECTORY, "d/a"),
    (by_the_first_letters, DIRECTORY, "not `da`"),
    (not_opaque, OPAQUE, "below `d/`"),
    (lambda stack: None, SINGLE, "yours:  None"),
    (lambda stack: stack[0], HIGHEST, "overwrite"),
    (raise_it, RUNS, "in the answer"),
    (without_end, RUNS, "end the loop"),
]


@pytest.mark.parametrize(("answer", "claim", "hint"), MERGED)
def test_who_does_not_is_not(
    answer: Callable[[Any], Any], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_merged(answer), claim, hint)


# Make it one


def applied(archives: list[bytes]) -> str:
    tree = tempfile.mkdtemp()
    os.chmod(tree, 0o755)
    for each in archives:
        layers.apply(io.BytesIO(each), tree, owners="recorded")
    return tree


def packed(directory: str) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(directory, arcname=".", filter=_of_root)
    return archive.getvalue()


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def squashed(archives: list[bytes]) -> bytes:
    tree = applied(archives)
    try:
        return packed(tree)
    finally:
        shutil.rmtree(tree)


@pytest.mark.parametrize(
    "answer",
    [squashed, lambda archives: gzip.compress(squashed(archives))],
    ids=["plain", "packed"],
)
def test_a_layer_that_shows_the_same_as_all_is_right(
    answer: Callable[[list[bytes]], bytes],
) -> None:
    told = lesson.check_squashed(answer)

    assert told.done == (answer is squashed), told  # a layer is judged unpacked


def joined(archives: list[bytes]) -> bytes:
    """Copy all entries, one archive after the other, the last of a name alone."""
    out, entries = io.BytesIO(), {}
    for each in archives:
        with tarfile.open(fileobj=io.BytesIO(each)) as tar:
            for entry in tar:
                file = tar.extractfile(entry) if entry.isreg() else None
                entries[entry.name] = entry, file.read() if file else b""
    with tarfile.open(fileobj=out, mode="w") as tar:
        for entry, data in entries.values():
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def closed_to_others(archives: list[bytes]) -> bytes:
    """Leave the root the mode that `mkdtemp` gives."""
    tree = applied(archives)
    os.chmod(tree, 0o700)
    try:
        return packed(tree)
    finally:
        shutil.rmtree(tree)


def without_modes(archives: list[bytes]) -> bytes:
    files = lesson.seen([squashed(archives)])
    return lesson.layer(
        {n: data.decode() for n, (mode, data) in files.items() if stat.S_ISREG(mode)}
    )


ALL = "all that a container sees"
ELSE = "and nothing else"
SAME = "files have the contents"
BYTES = "what was deleted is not in its bytes"
IS_ONE = "it returns an archive"
SQUASHED: list[tuple[Callable[[list[bytes]], Any], str, str]] = [
    (lambda archives: archives[-1], ALL, "lowest first"),
    (lambda archives: squashed(archives[:2]), ELSE, "key"),
    (lambda archives: squashed(archives[::-1]), ELSE, "key, old"),
    (joined, ELSE, "taken that away"),
    (without_modes, ALL, "bin/same"),
    (closed_to_others, SAME, "the root of the container"),
    (lambda archives: squashed(archives) + lesson.SECRET, BYTES, "still in there"),
    (lambda archives: squashed(archives)[:600], IS_ONE, ""),
    (lambda archives: b"nothing", IS_ONE, "refused"),
    (lambda archives: "/tmp/tree", IS_ONE, "It returns str"),
    (lambda archives: None, IS_ONE, "NoneType"),
    (raise_it, RUNS, "in the answer"),
    (without_end, RUNS, "end the loop"),
]


@pytest.mark.parametrize(("answer", "claim", "hint"), SQUASHED)
def test_a_layer_that_does_not_is_not(
    answer: Callable[[list[bytes]], Any], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_squashed(answer), claim, hint)


# Never touched


def restored(upper: Path, name: str) -> None:
    path = upper / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@needs_user_namespaces
def test_who_takes_it_from_upper_is_right() -> None:
    told = lesson.check_restored(restored)

    assert told.done, told


def from_below(upper: Path, name: str) -> None:
    """Copy what is below, as if one had to."""
    below = upper.parent / "lower" / name
    if below.is_file():
        if not (upper / name).is_file():
            (upper / name).unlink()
        shutil.copy(below, upper / name)


def as_if_there_were_no_links(upper: Path, name: str) -> None:
    path = upper / name
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def where_it_leads(upper: Path, name: str) -> None:
    as_if_there_were_no_links(upper, os.path.relpath((upper / name).resolve(), upper))


def everything(upper: Path, name: str) -> None:
    for path in upper.iterdir():
        restored(upper, path.name)


def files(upper: Path, name: str) -> None:
    if (upper / name).is_symlink() or not (upper / name).is_dir():
        (upper / name).unlink(missing_ok=True)


def what_can_be_read(upper: Path, name: str) -> None:
    if (upper / name).is_file():
        (upper / name).unlink()


AGAIN = "a file that was deleted is there again"
CHANGED = "one that was changed is as it was"
NEW = "one that is new is gone"
SWAPPED = "a directory that was replaced by a link"
INSIDE = "so is what was in a directory"
REST = "all else is as the container left it"
RESTORED: list[tuple[Callable[[Path, str], Any], str, str]] = [
    (lambda upper, name: None, AGAIN, "whiteout"),
    (what_can_be_read, AGAIN, "whiteout"),
    (from_below, NEW, "in `upper` alone"),
    (as_if_there_were_no_links, RUNS, "symbolic link"),
    (where_it_leads, SWAPPED, "what it leads to"),
    (files, INSIDE, "rmtree"),
    (everything, REST, "nothing from `upper` but"),
    (lambda upper, name: (upper / name).unlink(), RUNS, ""),
    (lambda upper, name: os.mknod(upper / name), RUNS, "exists"),
    (raise_it, RUNS, "in the answer"),
    (without_end, RUNS, "end the loop"),
]


@needs_user_namespaces
@pytest.mark.parametrize(("answer", "claim", "hint"), RESTORED)
def test_who_does_not_take_it_is_not(
    answer: Callable[[Path, str], Any], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_restored(answer), claim, hint)


def test_nothing_of_a_check_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", place)
    lesson.check_merged(merged)

    assert set(os.listdir(place)) <= {"state"}
