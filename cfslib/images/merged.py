"""merged: where a name of a layer leads in the tree below it.

What a layer says about `lib/x` is about `usr/lib/x` if `lib` is a link to there, as a
process in the container would find it.  But a link never leads out of the tree: / is
its root.  Everything goes by descriptors of directories that were found without a link,
so that nothing in a name is left for the kernel to follow.
"""

import os
import stat
from collections.abc import Callable

from cfslib.images.headers import BadArchive

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = 0o700  # what we need of a directory to write in it
_LINKS = 40  # on the way to a file: the kernel follows no more either
_DEPTH = 255  # directories in each other
_KEPT = 64  # descriptors of directories that may be wanted again
_MEMORY = 1 << 26  # bytes of names and attributes: we know all of a layer to its end


class Merged:
    """The directories of a tree, and what those a layer writes to were before."""

    def __init__(self, tree: str, may_make: Callable[[], None]) -> None:
        self._root = os.open(tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open = {"": self._root}  # with a directory, those around it are open
        self._real: dict[str, str] = {}  # of names that go through a link
        self._may_make = may_make
        self.before: dict[str, os.stat_result | None] = {"": os.fstat(self._root)}
        self.followed: set[str] = set()  # links that names have gone through
        self.made: set[str] = set()  # what the layer has brought, by its real name
        self.holds = {""}  # directories in which there is something of that
        self._remembered = 0
        if not _is_open_to_us(os.fstat(self._root)):
            os.chmod(tree, _OPEN)

    def close(self) -> None:
        """Close all directories."""
        self._close_all()
        os.close(self._root)

    def directory(self, name: str, *, make: bool = True) -> tuple[int, str]:
        """Return a descriptor of a directory, and its real name; it is made if need be.

        The descriptor is good until the next directory is asked for.
        """
        real = self._real.get(name, name)
        found = self._open.get(real)
        if found is not None:
            return found, real
        if len(self._open) > _KEPT:
            self._close_all()
        return self._walk(name, make)

    def add(self, place: str, directory: str) -> None:
        """Take note of what is made, and of the directories around it."""
        if place in self.made:
            raise BadArchive("this path is in the layer twice")
        self.made.add(place)
        self.remember(len(place))
        while directory not in self.holds:
            self.holds.add(directory)
            self.remember(len(directory))
            directory = directory.rpartition("/")[0]

    def remember(self, size: int) -> None:
        """Take note that so many bytes more are kept until the layer has ended."""
        self._remembered += size
        if self._remembered > _MEMORY:
            raise BadArchive(f"the names in the layer have more than {_MEMORY} bytes")

    def forget(self, place: str) -> None:
        """Take note that what was at a place is no more."""
        self._real = {}
        self.followed.discard(place)
        inside = f"{place}/"
        for each in [p for p in self._open if p == place or p.startswith(inside)]:
            os.close(self._open.pop(each))
        if place in self.before:
            for each in [p for p in self.before if p == place or p.startswith(inside)]:
                del self.before[each]

    def is_new(self, place: str) -> None:
        """Take note that nothing of what was in a directory counts any more."""
        inside = f"{place}/"
        for each in self.before:
            if each.startswith(inside):
                self.before[each] = None

    def _close_all(self) -> None:
        for place, fd in self._open.items():
            if place:
                os.close(fd)
        self._open = {"": self._root}

    def _walk(self, name: str, make: bool) -> tuple[int, str]:
        """Go from directory to directory, and where links lead."""
        names = [(each, make) for each in reversed(name.split("/"))]
        here, fd, links = "", self._root, _LINKS
        while names:
            each, may_make = names.pop()
            if each == "..":
                here = _parent(here, name)
                fd = self._open[here]
                continue
            place = f"{here}/{each}" if here else each
            found = self._open.get(place) or self._enter(each, fd, place, may_make)
            if found:
                here, fd = place, found
                continue
            if not (links := links - 1):
                raise BadArchive(f"links lead in a circle: {name}")
            self.followed.add(place)
            target = os.readlink(each, dir_fd=fd)
            if target.startswith("/"):
                here, fd = "", self._root
            # What a link names has to be there: it is not made.
            names += [
                (to, False) for to in reversed(target.split("/")) if to not in ("", ".")
            ]
        if here != name:
            self._real[name] = here
            self.remember(len(name))
        return fd, here

    def _enter(
        self, name: str, parent: int, place: str, may_make: bool
    ) -> "int | None":
        """Open a directory, or make it; None if it is a link."""
        if place.count("/") >= _DEPTH:
            raise BadArchive(f"more than {_DEPTH} directories are in each other")
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=parent)
            self._note(name, parent, place, fd)
        except FileNotFoundError:
            fd = self._make(name, parent, place, may_make)
        except NotADirectoryError:
            if _is_link(name, parent):
                return None
            if not may_make or place in self.made:
                raise BadArchive(f"{place} is not a directory") from None
            os.unlink(name, dir_fd=parent)
            fd = self._make(name, parent, place, may_make)
        self._open[place] = fd
        return fd

    def _make(self, name: str, parent: int, place: str, may_make: bool) -> int:
        if not may_make:
            raise BadArchive(f"there is no {place}")
        self._may_make()
        self.remember(len(place))
        os.mkdir(name, _OPEN, dir_fd=parent)
        self.before[place] = None
        return os.open(name, _DIRECTORY, dir_fd=parent)

    def _note(self, name: str, parent: int, place: str, fd: int) -> None:
        if place not in self.before:
            self.remember(len(place))
            status = self.before[place] = os.fstat(fd)
            if not _is_open_to_us(status):
                os.chmod(name, _OPEN, dir_fd=parent)


def _parent(place: str, name: str) -> str:
    if not place:
        raise BadArchive(f"a link on the way to {name} leads out of the root")
    return place.rpartition("/")[0]


def _is_link(name: str, parent: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _is_open_to_us(status: os.stat_result) -> bool:
    return status.st_mode & _OPEN == _OPEN or os.geteuid() == 0
