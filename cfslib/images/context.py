"""context: the files that a build may copy, and a hash that tells if they changed.

They are those of one directory, and no link in it leads out: to a build that directory
is /, as it is to a container.  What .dockerignore names is not there.

A hash is of names, kinds, modes, links, attributes and what is in the files.  Times and
owners do not count, because a fresh copy of the same sources has others.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from typing import NoReturn, Self

from cfslib.images import metadata, patterns
from cfslib.images.patterns import Ignored
from cfslib.kernel import libc

IGNORE = ".dockerignore"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_IN_ROOT, _NO_MAGIC_LINKS = 0x10, 0x02  # <linux/openat2.h>
_BLOCK = 1 << 18
_DEPTH = 255  # directories in each other
_LONGEST = 1 << 20  # bytes of a .dockerignore
_ATTEMPTS = 1000


class NotThere(ValueError):
    """A name that leads to nothing that may be copied."""


class Files:
    """A directory to copy from, as if it were /."""

    def __init__(self, directory: str, ignored: Ignored | None = None) -> None:
        self._root = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.ignored = ignored or Ignored()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def __reduce__(self) -> NoReturn:
        raise TypeError("these files are open here, and in children that are forked")

    def opened(self, place: str, flags: int = os.O_PATH) -> int:
        """Open what a place leads to, following links inside."""
        resolve = _IN_ROOT | _NO_MAGIC_LINKS
        for _ in range(_ATTEMPTS):
            try:
                path = f"/{place}"
                return libc.openat2(path, flags | os.O_CLOEXEC, resolve, self._root)
            except BlockingIOError:
                pass  # there was a `..`, and somebody has renamed something anywhere
            except OSError as error:
                code = error.errno or 0
                raise OSError(code, os.strerror(code), place or ".") from None
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), place)

    def text(self, place: str, most: int) -> bytes:
        """Return what is in a file; raise `NotThere` if it is none."""
        try:
            fd = self.opened(place, os.O_RDONLY | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            raise NotThere(f"there is no {place}") from None
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise NotThere(f"{place} is no file")
            return file.read(most)

    def named(self, pattern: str) -> list[str]:
        """Return the places that a source of COPY names: one, or those that fit it."""
        names = [name for name in pattern.split("/") if name not in ("", ".")]
        if ".." in names:
            raise NotThere(f"{pattern} leads out of what may be copied")
        if not patterns.has_wildcards(pattern):
            found = ["/".join(names)]
        else:
            found = list(self._fitting("", names))
        found = [one for one in found if self._is_there(one)]
        if not found:
            raise NotThere(f"there is no {pattern}{self._why(names)}")
        return found

    def _why(self, names: list[str]) -> str:
        is_gone = bool(names) and self.ignored("/".join(names))
        return f", because {IGNORE} says so" if is_gone else ""

    def _is_there(self, place: str) -> bool:
        try:
            os.close(self.opened(place))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            if error.errno == errno.ELOOP:
                return False
            raise
        # A directory may be named for what is left in it.
        return not place or not self.ignored(place) or self._has_some(place)

    def _has_some(self, place: str) -> bool:
        found = self.walk(place)
        return any(way and not stat.S_ISDIR(status.st_mode) for way, status in found)

    def _fitting(self, place: str, names: list[str]) -> Iterator[str]:
        if not names:
            yield place
            return
        fits = patterns.compiled(names[0])
        try:
            fd = self.opened(place, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            there = sorted(os.listdir(fd))
        finally:
            os.close(fd)
        for name in there:
            if fits(name):
                yield from self._fitting(_in(place, name), names[1:])

    def walk(self, place: str) -> Iterator[tuple[str, os.stat_result]]:
        """Yield what is at a place and below, each by its path from there, in order.

        A directory that is ignored comes only if something in it is not.
        """
        fd = self.opened(place)
        try:
            status = os.fstat(fd)
        finally:
            os.close(fd)
        yield "", status
        if stat.S_ISDIR(status.st_mode):
            fd = self.opened(place, os.O_RDONLY | os.O_DIRECTORY)
            try:
                yield from self._below(fd, place, "", 0)
            finally:
                os.close(fd)

    def _below(
        self, directory: int, place: str, way: str, depth: int
    ) -> Iterator[tuple[str, os.stat_result]]:
        if depth > _DEPTH:
            raise NotThere(f"more than {_DEPTH} directories are in each other")
        for name in sorted(os.listdir(directory)):
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            here, there = _in(way, name), _in(place, name)
            is_gone = self.ignored(there) if self.ignored else False
            if not stat.S_ISDIR(status.st_mode):
                if not is_gone:
                    yield here, status
                continue
            fd = os.open(name, _DIRECTORY, dir_fd=directory)
            try:
                below = self._below(fd, there, here, depth + 1)
                if is_gone:
                    first = next(below, None)
                    if first:
                        yield here, status
                        yield first
                else:
                    yield here, status
                yield from below
            finally:
                os.close(fd)

    def hash(self, places: list[str]) -> str:
        """Return a hash of all that is at these places."""
        total = hashlib.sha256()
        for place in places:
            total.update(f"{place}\0".encode("utf-8", "surrogateescape"))
            for way, status in self.walk(place):
                one = self._hash_of(_in(place, way), way, status)
                total.update(hashlib.sha256(one).digest())
        return total.hexdigest()

    def _hash_of(self, place: str, way: str, status: os.stat_result) -> bytes:
        found = f"{way}\0{status.st_mode:o}".encode("utf-8", "surrogateescape")
        if stat.S_ISLNK(status.st_mode):
            return found + b"\0" + os.fsencode(self.link(place))
        if stat.S_ISREG(status.st_mode):
            with open(self.file(place, way), "rb", buffering=0) as file:
                xattrs = repr(sorted(metadata.kept(file.fileno()).items()))
                data = hashlib.file_digest(file, "sha256").digest()
                return found + xattrs.encode() + b"\0" + data
        return found

    def file(self, place: str, way: str = "x") -> int:
        """Open a file to read it; only the first name of a source may be a link."""
        flags = _FILE if way else _FILE & ~os.O_NOFOLLOW
        return self.opened(place, flags)

    def link(self, place: str) -> str:
        """Return where a link leads."""
        fd = self.opened(place, os.O_PATH | os.O_NOFOLLOW)
        try:
            return os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)


def opened(directory: str) -> Files:
    """Return the files of a context, without those that its .dockerignore names."""
    files = Files(directory)
    try:
        text = files.text(IGNORE, _LONGEST)
    except NotThere:
        return files
    try:
        files.ignored = Ignored(text.decode("utf-8", "replace"))
    except ValueError as error:
        files.__exit__()
        raise NotThere(f"{IGNORE}: {error}") from None
    return files


def _in(place: str, name: str) -> str:
    return f"{place}/{name}" if place and name else place or name
