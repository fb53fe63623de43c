"""cache: the rootfs that `cfs run` uses when none is named.

It is built once for each user from this machine's everyday programs, kept in the
user's cache, and built anew when one of the files it came from has changed.  Each
build has a directory of its own, so that a container that still runs keeps its files:

    ~/.cache/cfs/rootfs-k3v9x1_a/    one build
    ~/.cache/cfs/notes-1000          which builds are up to date, and for whom
    ~/.cache/cfs/lock                held while building
"""

import posix
import sys

from cfslib.images import notes, search
from cfslib.kernel import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from cfslib.images.notes import Note

_SHARED = 1  # LOCK_SH: <sys/file.h>


class InUse:
    """Keep a rootfs from being cleared away for a `with` block, which gets its path.

    If none is named, that is the cached one, built if need be.
    """

    def __init__(
        self, named: "str | PathLike[str] | None", environ: "Mapping[bytes, bytes]"
    ) -> None:
        self._named = named
        self._environ = environ
        self._note: Note | None = None

    def __enter__(self) -> str:
        if self._named is not None:
            self._root = _absolute(self._named)
            self._fd = _locked(self._root)
        else:
            self._hold_cached(directory(self._environ), search.path(self._environ))
        return self._root

    def __exit__(self, *_: object) -> None:
        posix.close(self._fd)

    def is_current(self) -> bool:
        """Say if a container made now, in the same environment, would get this rootfs.

        Quick, so it does not notice a program that was changed where it lies.
        """
        if not _is_at(self._root, self._fd):
            return False
        return self._note is None or notes.are_as_before(self._note.watched)

    def _hold_cached(self, cache: str, path: bytes) -> None:
        while True:
            self._note = _up_to_date(cache, path)
            self._root = f"{cache}/{self._note.root}"
            try:
                self._fd = _locked(self._root)
            except FileNotFoundError:
                continue  # somebody has found changed tools, and cleared it away
            if _is_at(self._root, self._fd):
                return
            posix.close(self._fd)  # they did so before we had the lock


def current(
    cache: "str | PathLike[str] | None" = None,
    progress: "Callable[[int, int], None] | None" = None,
) -> str:
    """Return a rootfs of the everyday tools as they are now; build it if need be.

    Building takes a moment, so it is shown: on the terminal, or by `progress`.
    """
    place = directory() if cache is None else _absolute(cache)
    return f"{place}/{_up_to_date(place, search.path(_ours()), progress).root}"


def directory(environ: "Mapping[bytes, bytes] | None" = None) -> str:
    """Return the cache directory of this user: see the XDG Base Directory rules."""
    environ = _ours() if environ is None else environ
    if base := environ.get(b"XDG_CACHE_HOME"):
        return _absolute(f"{_text(base)}/cfs")
    return _absolute(f"{_home(environ)}/.cache/cfs")


def _up_to_date(
    cache: str, path: bytes, progress: "Callable[[int, int], None] | None" = None
) -> "Note":
    if note := notes.fresh(cache, path):
        return note
    from cfslib.images import builds  # here, because most containers find a rootfs

    return builds.renew(cache, path, progress)


def _home(environ: "Mapping[bytes, bytes]") -> str:
    if home := environ.get(b"HOME"):
        return _text(home)
    import pwd  # here, because nearly everybody has a HOME

    try:
        return pwd.getpwuid(posix.getuid()).pw_dir
    except KeyError:
        error = FileNotFoundError("this user has no home directory, so no cache")
        error.add_note("Hint: set HOME, or name a rootfs with --rootfs.")
        raise error from None


def _locked(root: str) -> int:
    fd = posix.open(root, posix.O_RDONLY | posix.O_DIRECTORY)
    libc.flock(fd, _SHARED)
    return fd


def _is_at(path: str, fd: int) -> bool:
    try:
        there, here = posix.stat(path), posix.fstat(fd)
    except OSError:
        return False
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)


def _absolute(path: "str | PathLike[str]") -> str:
    text = posix.fspath(path)
    return text if text.startswith("/") else f"{posix.getcwd()}/{text}"


def _text(value: bytes) -> str:
    return value.decode(sys.getfilesystemencoding(), "surrogateescape")


def _ours() -> "Mapping[bytes, bytes]":
    # Not posix.environ, which does not see what a notebook changes.
    import os

    return os.environb
