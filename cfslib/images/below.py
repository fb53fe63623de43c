"""below: write below a directory, and nowhere else.

To a container that directory is /, so a link in it to /tmp means the /tmp inside.  The
kernel follows links like that if it is asked to: see RESOLVE_IN_ROOT in openat2(2).
Everything goes by descriptor, so that nobody can lead us out by swapping a directory
for a link meanwhile.  Modes are ours, whatever the umask.
"""

import errno
import os
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

from cfslib.kernel import libc

_IN_ROOT, _NO_MAGIC_LINKS = 0x10, 0x02  # <linux/openat2.h>
_DIRECTORY = os.O_PATH | os.O_DIRECTORY
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_ATTEMPTS = 1000  # where everything is renamed all the time, two or three are needed
_MODE = 0o755  # of directories


@contextmanager
def found(root: int, place: Path) -> Generator[int]:
    """Yield a descriptor of what a process would find whose root is `root`."""
    fd = _find(root, place)
    try:
        yield fd
    finally:
        os.close(fd)


def _find(root: int, place: Path) -> int:
    resolve = _IN_ROOT | _NO_MAGIC_LINKS
    for _ in range(_ATTEMPTS):
        try:
            return libc.openat2(str(place), os.O_PATH, resolve, root)
        except BlockingIOError:
            pass  # there was a `..`, and somebody has renamed something anywhere
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(place))


class Tree:
    """A directory to write below, made if need be; places in it begin with /."""

    def __init__(self, root: Path) -> None:
        self._root = root
        is_new = not root.is_dir()
        root.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(root, _DIRECTORY)
        if is_new:
            _set_mode(self._fd, _MODE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def is_directory(self, place: Path) -> bool:
        """Say if there is a directory, or a link to one."""
        with self._named(place):
            try:
                with found(self._fd, place) as fd:
                    return stat.S_ISDIR(os.fstat(fd).st_mode)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def make_directory(self, place: Path, mode: int = _MODE) -> None:
        """Make a directory and those around it; one that is there stays as it is."""
        if not self.is_directory(place):
            with self._parent_of(place) as parent:
                os.mkdir(place.name, dir_fd=parent)
                made = os.open(place.name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
                _set_mode(made, mode)
                os.close(made)

    def link(self, place: Path, target: Path) -> None:
        """Make a symbolic link, unless something is there."""
        with self._parent_of(place) as parent:
            try:
                os.symlink(target, place.name, dir_fd=parent)
            except FileExistsError:
                pass

    def write(self, place: Path, content: IO[bytes], mode: int = 0o644) -> None:
        """Make a file, unless something is there."""
        with self._parent_of(place) as parent:
            try:
                fd = os.open(place.name, _NEW_FILE, 0o600, dir_fd=parent)
            except FileExistsError:
                return
            try:
                with open(fd, "wb") as file:
                    shutil.copyfileobj(content, file)
                    os.fchmod(fd, mode)
            except BaseException:  # half a file is none
                os.unlink(place.name, dir_fd=parent)
                raise

    @contextmanager
    def _parent_of(self, place: Path) -> Generator[int]:
        """Yield the directory of a place, made if need be."""
        self.make_directory(place.parent)
        with self._named(place), found(self._fd, place.parent) as parent:
            yield parent

    @contextmanager
    def _named(self, place: Path) -> Generator[None]:
        """Have errors name a place."""
        try:
            yield
        except OSError as error:
            code = error.errno or 0
            where = f"{self._root}{place}"
            raise OSError(code, os.strerror(code), where) from None


def _set_mode(fd: int, mode: int) -> None:
    """Set the mode of a directory; by way of /proc, because it may be closed to us."""
    os.chmod(f"/proc/self/fd/{fd}", mode)
