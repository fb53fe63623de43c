"""The checks of 08-images.

Archives are put on top of each other as `cfs image load` does it, in a directory that
is gone afterwards.  Overlays are mounted in a child, which has mounts of its own.
"""

import io
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.images import layers
from cfslib.isolation import idmaps
from cfslib.isolation.mounts import UmountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.lessons import Point, exercise

Texts = Mapping[str, str]  # by the names of files
PLACE = Path("/mnt")
UPPER, MERGED = PLACE / "upper", PLACE / "merged"
SECRET = b"the key is 0815"
MARK = ".wh."
HONEST = "a.wh.b"  # no whiteout, because the mark is not at its beginning


def layer(files: Texts) -> bytes:
    """Return an archive of files that belong to root, in this order."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()


def seen(archives: Sequence[bytes]) -> dict[str, tuple[int, bytes]]:
    """Return what a container sees of these layers: mode and contents, by name."""
    with tempfile.TemporaryDirectory(prefix="cfs-") as place:
        os.chmod(place, 0o755)  # as a root is of which no layer says anything
        for each in archives:
            # As who may have no other owners, because here all belongs to root.
            layers.apply(io.BytesIO(each), place, owners="recorded")
        paths = [Path(place), *sorted(Path(place).rglob("*"))]
        return {str(path.relative_to(place)): _thing(path) for path in paths}


def _thing(path: Path) -> tuple[int, bytes]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return mode, os.fsencode(os.readlink(path))
    return mode, path.read_bytes() if stat.S_ISREG(mode) else b""


# Exercise 1: which text is seen under a name.

STACKS: Mapping[str, Sequence[Sequence[Texts]]] = {
    "what a single layer has is seen": [[{"a": "1", "d/b": "2"}]],
    "the highest layer that has a file wins": [
        [{"a": "1", "b": "2"}, {"a": "3"}],
        [{"a": "1"}, {"b": "2"}, {"a": "3", "c": "4"}],
    ],
    "a whiteout hides a file below": [
        [{"a": "1", "b": "2"}, {".wh.a": ""}],
        [{"a": "1", "d/a": "2", "d/b": "3"}, {"d/.wh.a": ""}],
        [{"a": "1"}, {"b.wh.c": "2"}],
    ],
    "it hides nothing of its own layer, wherever it stands": [
        [{"a": "1"}, {"a": "2", ".wh.a": ""}],
        [{"a": "1"}, {".wh.a": "", "a": "2"}],
    ],
    "it hides nothing of the layers above": [
        [{"a": "1"}, {".wh.a": ""}, {"a": "2"}],
        [{"a": "1"}, {".wh.a": ""}, {"b": "2"}, {"a": "3"}],
    ],
    "one of a directory hides all that is in it": [
        [{"d/a": "1", "d/e/f": "2", "da": "3", "x/d": "4"}, {".wh.d": ""}],
        [{"d/a": "1"}, {".wh.d": "", "d/b": "2"}],
    ],
    "an opaque directory hides all that is below": [
        [{"d/a": "1", "d/e/f": "2", "b": "3"}, {"d/.wh..wh..opq": "", "d/c": "4"}],
        [{"d/a": "1"}, {"d/a": "2", "d/.wh..wh..opq": ""}],
    ],
}
_HINTS = {
    "what a single layer has is seen": (
        "Return a dict of names and texts, as a layer is."
    ),
    "the highest layer that has a file wins": (
        "The layers come from below: let each one overwrite what you have so far."
    ),
    "a whiteout hides a file below": (
        "`d/.wh.a` stands for `d/a`.  It takes that away, and is not seen itself.  "
        "A file whose name does not begin with `.wh.` is none."
    ),
    "it hides nothing of its own layer, wherever it stands": (
        "First take away all that the whiteouts of a layer hide; then add its files."
    ),
    "it hides nothing of the layers above": (
        "Take away from what you have so far, and forget the whiteout then."
    ),
    "one of a directory hides all that is in it": (
        "`.wh.d` hides `d/a` and `d/e/f` as well, and not `da`: look at each directory "
        "on the way to a name."
    ),
    "an opaque directory hides all that is below": (
        "`d/.wh..wh..opq` hides all names below `d/` of the layers below."
    ),
}


@exercise("08-images", 1)
def check_merged(merged: Callable[[list[dict[str, str]]], Texts]) -> list[Point]:
    """Look if `merged(layers)` says what a container sees."""
    return [
        Point(claim, *_all_right(merged, stacks, _HINTS[claim]))
        for claim, stacks in STACKS.items()
    ]


def _all_right(
    merged: Callable[[list[dict[str, str]]], Texts],
    stacks: Sequence[Sequence[Texts]],
    hint: str,
) -> tuple[bool, str]:
    for stack in stacks:
        answer = merged([dict(texts) for texts in stack])
        files = seen([layer(texts) for texts in stack]).items()
        truth = {
            name: data.decode() for name, (mode, data) in files if stat.S_ISREG(mode)
        }
        if answer != truth:
            told = ", ".join(map(str, stack)), f"{answer!r:.400}", f"{truth}"
            return False, "{}\n\nlayers: {}\nyours:  {}\nseen:   {}".format(hint, *told)
    return True, ""


# Exercise 2: one layer in place of many.


def history() -> list[bytes]:
    """Return three layers: in the second is what the third takes away."""
    first = io.BytesIO()
    with tarfile.open(fileobj=first, mode="w") as tar:
        _add(tar, "bin", tarfile.DIRTYPE, 0o755)
        _add(tar, "bin/tool", tarfile.REGTYPE, 0o755, b"#!/bin/sh\n")
        _add(tar, "bin/same", tarfile.SYMTYPE, 0o777, b"tool")
        _add(tar, "old/a", tarfile.REGTYPE, 0o600, b"a")
    taken = {"key": SECRET.decode(), "old/b": "b"}
    second = layer(taken | {"note": "second\n", HONEST: ""})
    third = layer({".wh.key": "", "note": "third\n", ".wh.old": ""})
    return [first.getvalue(), second, third]


def _add(
    tar: tarfile.TarFile, name: str, kind: bytes, mode: int, data: bytes = b""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    if kind == tarfile.SYMTYPE:
        entry.linkname, data = data.decode(), b""
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


@exercise("08-images", 2)
def check_squashed(squashed: Callable[[list[bytes]], bytes]) -> list[Point]:
    """Look if `squashed(archives)` is one layer that shows the same as all of them."""
    answer = squashed(history())
    wrong = _no_archive(answer)
    is_one = Point("it returns an archive", not wrong, wrong)
    return [is_one] if wrong else [is_one, *_compared(answer)]


def _no_archive(answer: object) -> str:
    """Return what is wrong with an answer as a layer; nothing if it is one."""
    if not isinstance(answer, bytes):
        kind = type(answer).__name__
        return f"It returns {kind}.  `packed(directory)` returns bytes."
    try:
        seen([answer])
    except (ValueError, OSError) as error:
        return f"As a layer it is refused: {error}."
    return ""


_ROOT = "  `.` is the root of the container, and `mkdtemp` makes directories with 0700."


def _compared(answer: bytes) -> list[Point]:
    ours, truth = seen([answer]), seen(history())
    missing = sorted(truth.keys() - ours.keys())
    too_many = sorted(ours.keys() - truth.keys())
    other = [name for name in truth.keys() & ours.keys() if truth[name] != ours[name]]
    is_root = "." in other
    with tarfile.open(fileobj=io.BytesIO(answer)) as tar:
        names = tar.getnames()
    marks = [name for name in names if Path(name).name.startswith(MARK)]
    return [
        Point(
            "all that a container sees of the three is in it",
            not missing,
            f"{', '.join(missing)}: not there.  Put one archive after the other on top "
            "of the same directory, the lowest first.",
        ),
        Point(
            "and nothing else",
            not too_many,
            f"{', '.join(too_many)}: a later layer has taken that away.",
        ),
        Point(
            "files have the contents and the mode that they have there",
            not other,
            f"{', '.join(sorted(other))}: not as a container sees it.{_ROOT * is_root}",
        ),
        Point(
            "there are no whiteouts in it, because there is nothing below",
            not marks,
            f"{', '.join(marks)}: a whiteout is for what is below.",
        ),
        Point(
            "what was deleted is not in its bytes",
            SECRET not in answer,
            "The key is still in there.  An archive made by appending has all of it.",
        ),
    ]


# Exercise 3: as if the container had never touched it.

LOWER = {
    "deleted": "1", "changed": "2", "mode": "3", "other": "4",
    "dir/a": "5", "dir/b": "6", "inside/a": "7", "inside/b": "8", "swapped/a": "9",
}  # fmt: skip
GIVEN = ("deleted", "changed", "mode", "new", "dir", "swapped", "inside")


@exercise("08-images", 3)
def check_restored(restored: Callable[[Path, str], object]) -> list[Point]:
    """Look if `restored(upper, name)` undoes what was done to a name."""
    return in_child(lambda: _restored(restored))


def _restored(restored: Callable[[Path, str], object]) -> list[Point]:
    _make_lower()
    before = _mounted(lambda: None)
    os.mknod(UPPER / "dir", stat.S_IFCHR)  # as `rm -r` leaves it
    after = _mounted(_change)
    for name in GIVEN:
        restored(UPPER, name)
    now = _mounted(lambda: None)
    below = {name: (PLACE / "lower" / name).read_text() for name in LOWER}
    others = {name: after[name] for name in after if not name.startswith(GIVEN)}

    def is_again(name: str) -> bool:
        wanted = {it: before[it] for it in before if it.startswith(name)}
        return wanted == {it: now[it] for it in now if it.startswith(name)}

    return [
        Point(
            "a file that was deleted is there again",
            is_again("deleted"),
            "Its whiteout is `upper / name`.  Where there is nothing in `upper`, one "
            "sees what is below.",
        ),
        Point(
            "one that was changed is as it was",
            is_again("changed") and is_again("mode"),
            "The copy in `upper` is what is seen.  Take it away.",
        ),
        Point(
            "one that is new is gone",
            is_again("new"),
            "It is in `upper` alone.",
        ),
        Point(
            "a directory that was deleted is there again, with all in it",
            is_again("dir"),
            "A whiteout is no directory, whatever it hides: `unlink` it.",
        ),
        Point(
            "a directory that was replaced by a link is there again",
            is_again("swapped"),
            "The link is what the container has put there: `unlink` it, and leave "
            "alone what it leads to.",
        ),
        Point(
            "so is what was in a directory that is still there",
            is_again("inside"),
            "`shutil.rmtree` takes away a directory of `upper` with all in it.",
        ),
        Point(
            "all else is as the container left it",
            others.items() <= now.items() and "other" not in now,
            "Take nothing from `upper` but what has this name.",
        ),
        Point(
            "the layer below was not written to",
            below == LOWER,
            "Nobody writes to a lower layer: others have it, too.",
        ),
    ]


def _make_lower() -> None:
    idmaps.unshare_as_root(Namespace.MNT)
    syscalls.mount("tmpfs", PLACE, "tmpfs")
    for name in ("lower", "upper", "work", "merged"):
        (PLACE / name).mkdir()
    for name, text in LOWER.items():
        path = PLACE / "lower" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def _mounted(act: Callable[[], object]) -> dict[str, tuple[int, bytes]]:
    """Do something in the overlay; return what is seen in it then."""
    options = f"lowerdir={PLACE}/lower,upperdir={UPPER},workdir={PLACE}/work,userxattr"
    syscalls.mount("overlay", MERGED, "overlay", 0, options)
    try:
        act()
        paths = sorted(MERGED.rglob("*"))
        return {str(path.relative_to(MERGED)): _thing(path) for path in paths}
    finally:
        os.chdir("/")
        syscalls.umount2(MERGED, UmountFlag.DETACH)


def _change() -> None:
    """Be the container."""
    (MERGED / "deleted").unlink()
    (MERGED / "changed").write_text("other")
    (MERGED / "mode").chmod(0o600)
    (MERGED / "other").unlink()
    (MERGED / "new").write_text("new")
    (MERGED / "kept").write_text("kept")
    (MERGED / "inside/a").unlink()
    (MERGED / "inside/b").write_text("other")
    shutil.rmtree(MERGED / "swapped")
    (MERGED / "swapped").symlink_to("inside")
