"""copying: put files into a root filesystem, as COPY and ADD do.

A link inside leads to where it would lead a process in the container, never out of it.
A file that is there is replaced, and not written to.
"""

import errno
import os
import shutil
import stat
from collections.abc import Sequence
from typing import Self

from cfslib.images import metadata, recorded, removal
from cfslib.images.context import Files, NotThere

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
Owner = tuple[int, int]


class Target:
    """A root filesystem, and what the files that come are to be."""

    def __init__(
        self,
        root: str,
        owner: Owner | None,  # None: whose they were
        mode: int | None,  # of all files; None: the one they had
        *,
        real: bool,  # else the owner is recorded
    ) -> None:
        self._files = Files(root)
        self._owner, self._mode, self._real = owner, mode, real
        self._parent: tuple[str, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forget_parent()
        self._files.__exit__()

    def is_directory(self, path: str) -> bool:
        """Say if there is a directory, or a link to one."""
        try:
            fd = self._files.opened(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        with_kind = os.fstat(fd).st_mode
        os.close(fd)
        return stat.S_ISDIR(with_kind)

    def make_directory(self, path: str) -> None:
        """Make a directory and those around it, unless they are there."""
        os.close(self._directory(path))

    def put(
        self, files: Files, places: Sequence[str], to: str, *, inside: bool
    ) -> None:
        """Copy files to a path, or into the directory that it is."""
        for place in places:
            found = files.walk(place)
            _, status = next(found)
            if stat.S_ISDIR(status.st_mode):
                self._put_directory(files, place, to.rstrip("/") or "/")
            elif inside or to.endswith("/") or self.is_directory(to):
                name = place.rpartition("/")[2]
                self._put(files, place, "", status, f"{to.rstrip('/')}/{name}")
            else:
                self._put(files, place, "", status, to)

    def _put_directory(self, files: Files, place: str, to: str) -> None:
        """Copy what is in a directory; the directory itself is the one at `to`."""
        self.make_directory(to)
        later: list[tuple[str, str, os.stat_result]] = []
        for way, status in files.walk(place):
            if not way:
                continue
            source = f"{place}/{way}" if place else way
            path = f"{to.rstrip('/')}/{way}"
            if stat.S_ISDIR(status.st_mode):
                self.make_directory(path)
                later.append((source, path, status))
            else:
                self._put(files, source, way, status, path)
        self._forget_parent()
        for source, path, status in reversed(later):  # what is made in one changes it
            old = files.opened(source, _DIRECTORY)
            new = self._files.opened(path, _DIRECTORY)
            self._set(new, old, status)
            os.close(old)
            os.close(new)

    def _put(
        self, files: Files, source: str, way: str, status: os.stat_result, to: str
    ) -> None:
        directory, _, name = to.rpartition("/")
        parent = self._kept(directory)
        if _is_directory(name, parent):
            raise NotThere(f"{to} is a directory, and {source} is none")
        removal_of(name, parent)
        if stat.S_ISREG(status.st_mode):
            self._put_file(files.file(source, way), name, parent)
        elif stat.S_ISLNK(status.st_mode):
            os.symlink(files.link(source), name, dir_fd=parent)
            self._set_by_name(name, parent, status)
        elif stat.S_ISFIFO(status.st_mode):
            os.mkfifo(name, 0o600, dir_fd=parent)
            self._set_by_name(name, parent, status)
        else:
            raise NotThere(f"{source} is a device or a socket, which is not copied")

    def _put_file(self, source: int, name: str, parent: int) -> None:
        new = os.open(name, _NEW, 0o600, dir_fd=parent)
        with open(source, "rb") as old, open(new, "wb") as file:
            shutil.copyfileobj(old, file, 1 << 20)
            file.flush()
            self._set(file.fileno(), old.fileno(), os.fstat(old.fileno()))

    def _set(self, new: int, old: int, status: os.stat_result) -> None:
        xattrs = metadata.all_kept(old)
        recorded_before = xattrs.pop(recorded.NAME, b"")
        if self._owner is None:
            owner = (status.st_uid, status.st_gid)
            if recorded_before:
                owner = recorded.unpacked(recorded_before)
        else:
            owner = self._owner
        self._own(new, owner)
        for name, value in xattrs.items():
            os.setxattr(new, name, value)
        mode = status.st_mode if self._mode is None else self._mode
        os.fchmod(new, stat.S_IMODE(mode))
        os.utime(new, ns=(status.st_mtime_ns, status.st_mtime_ns))

    def _own(self, fd: int, owner: Owner) -> None:
        if self._real:
            _chown(fd, owner)
        elif any(owner):
            os.setxattr(fd, recorded.NAME, recorded.packed(*owner))

    def _set_by_name(self, name: str, parent: int, status: os.stat_result) -> None:
        owner = self._owner or (status.st_uid, status.st_gid)
        if self._real:
            os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=parent)
        times = (status.st_mtime_ns, status.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def _kept(self, path: str) -> int:
        """Return a directory that stays open until another one is asked for."""
        if not self._parent or self._parent[0] != path:
            self._forget_parent()
            self._parent = (path, self._directory(path))
        return self._parent[1]

    def _forget_parent(self) -> None:
        if self._parent:
            os.close(self._parent[1])
        self._parent = None

    def _directory(self, path: str) -> int:
        """Open a directory; it is made if need be, and those around it."""
        try:
            return self._files.opened(path, _DIRECTORY)
        except NotADirectoryError:
            raise NotThere(f"{path} is not a directory") from None
        except FileNotFoundError:
            pass
        directory, _, name = path.rstrip("/").rpartition("/")
        parent = self._directory(directory)
        try:
            os.mkdir(name, 0o755, dir_fd=parent)
            fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        except FileExistsError:
            raise NotThere(f"{path} is a link that leads nowhere") from None
        finally:
            os.close(parent)
        os.fchmod(fd, 0o755)  # whatever the umask is
        self._own(fd, self._owner or (0, 0))
        return fd


def _chown(fd: int, owner: Owner) -> None:
    try:
        os.chown(fd, *owner)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        uid, gid = owner
        raise NotThere(
            f"there is no user {uid} and group {gid} here to give to"
        ) from None


def removal_of(name: str, parent: int) -> None:
    """Take away what has a name, if anything has."""
    try:
        removal.remove(name, parent)
    except FileNotFoundError:
        pass


def _is_directory(name: str, parent: int) -> bool:
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode)
