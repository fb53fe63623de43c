"""changes: what has been changed of the files that a container started from.

The layer that it writes to is below everything else, and no path leads there.  But one
sees which files are in it: to come there a file is copied, and then it was changed at
another time than the one below, by the clock that nobody sets: ctime, see inode(7).
"""

import os
import stat

from cfslib.isolation import rootfs
from cfslib.kernel import procfs
from cfslib.runtime.visit import Visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cfslib.runtime.state import State

ADDED, CHANGED, DELETED = "A", "C", "D"
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def print_of(container: "State") -> None:
    """Print what was added, changed and deleted, a line for each path."""
    pid1 = container.pid1()
    mounted = {mount.target for mount in procfs.mounts(pid1.pid)} if pid1 else set()
    mounted |= {f"/{name}" for name in rootfs.MOUNT_POINTS}  # made anew in the layer
    below = os.open(container.root(), _FLAGS)
    try:
        with Visit(container, lambda: _print(below, mounted - {"/"})) as visit:
            visit.wait()
    finally:
        os.close(below)


def _print(below: int, mounted: "Collection[str]") -> None:
    now = os.open("/", _FLAGS)
    for kind, path in between(below, now, "", mounted):
        os.write(1, os.fsencode(f"{kind} {path}\n"))


def between(
    below: "int | None", now: int, way: str, skipped: "Collection[str]"
) -> "Iterator[tuple[str, str]]":
    """Yield how a directory differs from what it was, if there was one."""
    before = set(os.listdir(below)) if below is not None else set()
    for name in sorted(before | set(os.listdir(now))):
        path = f"{way}/{name}"
        if path in skipped:
            continue
        old = _status(name, below) if name in before else None
        new = _status(name, now)
        if new is None:
            yield DELETED, path
            continue
        inner = list(_inner(below, now, path, old, new, skipped))
        if old is None:
            yield ADDED, path
        elif inner or old.st_ctime_ns != new.st_ctime_ns:
            yield CHANGED, path
        yield from inner


def _inner(
    below: "int | None",
    now: int,
    path: str,
    old: "os.stat_result | None",
    new: os.stat_result,
    skipped: "Collection[str]",
) -> "Iterator[tuple[str, str]]":
    """Yield the same of what is in a directory."""
    if not stat.S_ISDIR(new.st_mode):
        return
    name, earlier = path.rpartition("/")[2], None
    later = os.open(name, _FLAGS, dir_fd=now)
    try:
        if old and stat.S_ISDIR(old.st_mode):
            earlier = os.open(name, _FLAGS, dir_fd=below)
        yield from between(earlier, later, path, skipped)
    finally:
        os.close(later)
        if earlier is not None:
            os.close(earlier)


def _status(name: str, directory: "int | None") -> "os.stat_result | None":
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
