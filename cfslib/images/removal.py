"""removal: remove what is in a directory, also what we closed to ourselves.

An image may have directories without the right to search them.  To root that is
nothing; an ordinary user has to open them before they can be emptied.
"""

import os
import stat
from collections.abc import Callable

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = 0o700


def remove_tree(path: str) -> None:
    """Remove a directory and all that is in it; it may be gone already."""
    try:
        remove(path, None)
    except FileNotFoundError:
        pass


def remove(name: str, parent: "int | None") -> None:
    """Remove a file, a link, or a directory and all that is in it."""
    try:
        os.unlink(name, dir_fd=parent)
        return
    except (IsADirectoryError, PermissionError):
        pass  # POSIX has EPERM for a directory
    empty(name, parent, lambda _: False, lambda _: None)
    os.rmdir(name, dir_fd=parent)


def empty(
    name: str,
    parent: "int | None",
    keep: Callable[[str], bool],
    forget: Callable[[str], None],
    place: str = "",
) -> None:
    """Remove what is in a directory, but for the places that are to be kept.

    A directory in which something is kept has to be kept too.  `forget` is told what
    goes; `place` is where all this is.
    """
    fd = opened(name, parent)
    try:
        with os.scandir(fd) as found:
            entries = [
                (each.name, each.is_dir(follow_symlinks=False)) for each in found
            ]
        for each, is_directory in entries:
            here = f"{place}/{each}" if place else each
            if keep(here):
                if is_directory:
                    empty(each, fd, keep, forget, here)
                continue
            forget(here)
            remove(each, fd)
    finally:
        os.close(fd)


def opened(name: str, parent: "int | None", mode: int = _OPEN) -> int:
    """Open a directory to change what is in it; give ourselves the right to."""
    try:
        fd = os.open(name, _DIRECTORY, dir_fd=parent)
    except PermissionError:
        os.chmod(name, mode, dir_fd=parent)
        return os.open(name, _DIRECTORY, dir_fd=parent)
    status = os.fstat(fd)
    if stat.S_IMODE(status.st_mode) & _OPEN != _OPEN and os.geteuid():
        os.fchmod(fd, mode)
    return fd
