"""cache: the rootfs that `cfs run` uses when none is named.

It is built once for each user from this machine's everyday programs, kept in the
user's cache, and built anew when one of the files it came from has changed.  Each
build has a directory of its own, so that a container that still runs keeps its files:

    ~/.cache/cfs/rootfs-k3v9x1_a/    one build
    ~/.cache/cfs/notes               which builds are up to date, and for whom

The directory is locked while somebody builds.  It is used only if nobody else may
write to it: see `ours`.
"""

import posix
import sys

from cfslib.images import notes, ours, search
from cfslib.kernel import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from cfslib.images.notes import Note

_SHARED, _AT_ONCE = 1, 4  # LOCK_SH, LOCK_NB: <sys/file.h>
_PATIENCE = 1  # second for which a rootfs may be locked by who clears it away


class InUse:
    """Keep a rootfs from being cleared away for a `with` block, which gets its path.

    If none is named, that is the cached one, built if need be.  Of an image, what is
    locked is the directory around its tree: the tree may belong to somebody else.
    """

    def __init__(
        self,
        named: "str | PathLike[str] | None",
        environ: "Mapping[bytes, bytes]",
        *,
        of_image: bool = False,
    ) -> None:
        self._named = named
        self._of_image = of_image
        self._environ = environ
        self._note: Note | None = None

    def __enter__(self) -> str:
        if self._named is not None:
            self._root = _absolute(self._named)
            self._fd = self._hold_named()
        else:
            self._hold_cached(directory(self._environ), search.path(self._environ))
        return self._root

    def __exit__(self, *_: object) -> None:
        posix.close(self._fd)

    def is_current(self) -> bool:
        """Say if a container made now, in the same environment, would get this rootfs.

        Quick, so it does not notice a program that was changed where it lies.
        """
        if not _is_at(self._locked, self._fd):
            return False
        if not (note := self._note):
            return True
        return notes.are_as_before(note.watched) and notes.is_whole(self._root, note)

    def _hold_named(self) -> int:
        root = self._root
        self._locked = root.rpartition("/")[0] if self._of_image else root
        while True:
            fd = _locked(self._locked)
            if not self._of_image or _is_at(self._locked, fd):
                return fd
            posix.close(fd)  # the image was removed before we had the lock

    def _hold_cached(self, cache: str, path: bytes) -> None:
        while True:
            self._note = _up_to_date(cache, path)
            self._root = self._locked = f"{cache}/{self._note.root}"
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
    """Return the cache directory of this user.

    By the XDG Base Directory rules, a relative path in XDG_CACHE_HOME is to be ignored.
    """
    environ = _ours() if environ is None else environ
    base = environ.get(b"XDG_CACHE_HOME", b"")
    return f"{_text(base) if base[:1] == b'/' else f'{home(environ)}/.cache'}/cfs"


def checked_directory(environ: "Mapping[bytes, bytes]") -> str:
    """Return the cache directory; raise an `OSError` if others could change it."""
    place = directory(environ)
    ours.check(place, "HOME or XDG_CACHE_HOME")
    return place


def _up_to_date(
    cache: str, path: bytes, progress: "Callable[[int, int], None] | None" = None
) -> "Note":
    ours.check(cache, "HOME or XDG_CACHE_HOME")
    if note := notes.fresh(cache, path):
        return note
    from cfslib.images import builds  # here, because most containers find a rootfs

    return builds.renew(cache, path, progress)


def home(environ: "Mapping[bytes, bytes]", what: str = "cache") -> str:
    """Return the home directory of this user, in which something of ours is."""
    home = environ.get(b"HOME") or _home_in_passwd()
    if home[:1] == b"/":
        return _text(home)
    why = f"HOME is no absolute path: {_text(home)!r}" if home else "this user has none"
    error = FileNotFoundError(f"no home directory, so no {what}: {why}")
    error.add_note("Hint: set HOME, or name a rootfs with --rootfs.")
    raise error


def _home_in_passwd() -> bytes:
    import pwd  # here, because nearly everybody has a HOME

    try:
        home = pwd.getpwuid(posix.getuid()).pw_dir
    except KeyError:
        return b""
    return home.encode(sys.getfilesystemencoding(), "surrogateescape")


def _locked(root: str) -> int:
    """Return a descriptor of a rootfs that keeps it from being cleared away."""
    fd = posix.open(root, posix.O_RDONLY | posix.O_DIRECTORY)
    try:
        libc.flock(fd, _SHARED | _AT_ONCE)
    except BlockingIOError:
        _wait_for_lock(fd)
    return fd


def _wait_for_lock(fd: int) -> None:
    """Wait for a process that clears the rootfs away; no other lock does any harm."""
    import time  # here, because hardly anybody has to wait

    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        time.sleep(0.01)
        try:
            libc.flock(fd, _SHARED | _AT_ONCE)
            return
        except BlockingIOError:
            pass


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
