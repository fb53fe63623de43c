"""layered: what is in each layer of an overlay, after something was done in it.

A child plays all of it: in namespaces of its own, and in memory, it makes the layers,
mounts the overlay, and does one thing after the other.  So nothing of it is left, and
who wants to undo something plays one less.
"""

import io
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.images import diff, tar
from cfslib.isolation import idmaps
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls

PLACE = "/mnt"
MERGED = "merged"
UPPER, TWO, ONE = "upper", "two", "one"  # from above, as one looks
FILE, DIRECTORY, WHITEOUT, OPAQUE = "file", "directory", "whiteout", "opaque"
MARK = "user.overlay.opaque"  # of a directory that hides all below it
# What is in the two lower layers; None stands for a whiteout.
STORY: Mapping[str, Mapping[str, "str | None"]] = {
    ONE: {
        "note": "one",
        "secret": "4711",
        "log": "log " * 1000,
        "etc/name": "box",
    },
    TWO: {"note": "two", "secret": None, "etc/more": "two"},
}
PATHS = ("note", "secret", "log", "etc/name", "etc/more", "new")
SHOWN = 40  # characters of a file


@dataclass(frozen=True)
class Change:
    """Something that is done in the overlay."""

    what: str  # one of CHANGES
    path: str

    def __str__(self) -> str:
        return f"{self.what} {self.path}"


@dataclass(frozen=True)
class Thing:
    """What one layer has under a name."""

    kind: str
    text: str = ""
    size: int = 0
    mode: int = 0


Layer = Mapping[str, Thing]


@dataclass(frozen=True)
class Moment:
    """What is in each layer, from above, and what the overlay shows."""

    layers: Mapping[str, Layer]
    merged: Layer
    archive: tuple[str, ...]  # the names in upper, if it were packed as a layer
    refused: str = ""  # why the kernel did not do the last thing


@dataclass(frozen=True)
class Origin:
    """Which layer decides what is seen under a name, and by what."""

    layer: str = ""  # "" if none has anything to say
    by: str = ""  # the kind of what it has there
    at: str = ""  # the name of that: the same, or a directory around it

    @property
    def is_seen(self) -> bool:
        """Say if there is something to see."""
        return self.by in (FILE, DIRECTORY, OPAQUE)


def played(changes: Sequence[Change]) -> list[Moment]:
    """Return what there is at first, and after each of the changes."""
    return in_child(lambda: _played(changes))


def _played(changes: Sequence[Change]) -> list[Moment]:
    _mount()
    moments = [_now()]
    for change in changes:
        moments.append(_now(_tried(change)))
    return moments


def _mount() -> None:
    """Stack the layers, where nobody else sees it."""
    idmaps.unshare_as_root(Namespace.MNT)
    syscalls.mount("tmpfs", PLACE, "tmpfs")
    os.chdir(PLACE)
    for name in (ONE, TWO, UPPER, "work", MERGED):
        os.mkdir(name)
    for layer, files in STORY.items():
        for path, text in files.items():
            _put(Path(layer, path), text)
    options = f"lowerdir={TWO}:{ONE},upperdir={UPPER},workdir=work,userxattr"
    syscalls.mount("overlay", MERGED, "overlay", 0, options)


def _put(path: Path, text: "str | None") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        os.mknod(path, stat.S_IFCHR)
    else:
        path.write_text(text)


def _tried(change: Change) -> str:
    """Do something in the overlay; return why not, if the kernel says so."""
    try:
        CHANGES[change.what](Path(MERGED, change.path))
    except OSError as error:
        return f"{change}: {error.strerror}"
    return ""


def _write(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("+me")


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _remove_around(path: Path) -> None:
    """Remove the directory that a file is in; of one at the top, the file itself."""
    around = path.parent
    _remove(around if around.name != MERGED else path)


def _make_anew(path: Path) -> None:
    """Remove what is there, a directory with all in it, and make it again."""
    with suppress(FileNotFoundError):
        _remove_around(path)
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")


CHANGES: Mapping[str, Callable[[Path], object]] = {
    "write to": _write,
    "chmod 600": lambda path: path.chmod(0o600),
    "delete": _remove,
    "delete the directory of": _remove_around,
    "delete and make anew": _make_anew,
}


def _now(refused: str = "") -> Moment:
    layers = {name: dict(_things(Path(name))) for name in (UPPER, TWO, ONE)}
    return Moment(layers, dict(_things(Path(MERGED))), _archived(), refused)


def _things(top: Path) -> Iterator[tuple[str, Thing]]:
    for path in sorted(top.rglob("*")):
        if os.path.lexists(path):
            yield str(path.relative_to(top)), _thing(path)


def _thing(path: Path) -> Thing:
    status = path.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISCHR(status.st_mode):
        return Thing(WHITEOUT, mode=mode)
    if stat.S_ISDIR(status.st_mode):
        return Thing(OPAQUE if _is_opaque(path) else DIRECTORY, mode=mode)
    return Thing(FILE, path.read_text()[:SHOWN], status.st_size, mode)


def _is_opaque(path: Path) -> bool:
    try:
        return os.getxattr(path, MARK) == b"y"
    except OSError:
        return False


def _archived() -> tuple[str, ...]:
    out = io.BytesIO()
    diff.diff(UPPER, out)
    return tuple(entry.name for entry in tar.entries(io.BytesIO(out.getvalue())))


def origin(layers: Mapping[str, Layer], path: str) -> Origin:
    """Return what decides about a name: one looks down until something is in the way.

    A directory goes on below, so it ends no search for what is in it, unless it is
    opaque; a whiteout, or a file where a directory was, does.
    """
    for name, things in layers.items():
        if path in things:
            return Origin(name, things[path].kind, path)
        for around in map(str, list(Path(path).parents)[:-1]):
            if around in things and things[around].kind != DIRECTORY:
                return Origin(name, WHITEOUT, around)
    return Origin()
