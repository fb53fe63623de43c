"""rootcache: the rootfs that `cfs run` uses when none is named.

It is built once for each user from this machine's everyday programs, kept in the
user's cache, and built anew when one of the files it came from has changed.  Each
build has a directory of its own, so that a container that still runs keeps its files:

    ~/.cache/cfs/rootfs-k3v9x1_a/    one build
    ~/.cache/cfs/current.json        which build is the last, and what it came from
    ~/.cache/cfs/lock                held while building
"""

import fcntl
import json
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from cfslib.images import host_tools
from cfslib.images.host_tools import Progress

Stamp = list[str | int]  # path, size, time of the last change in nanoseconds


def directory() -> Path:
    """Return the cache directory of this user: see the XDG Base Directory rules."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "cfs"
    home = os.path.expanduser("~")
    if home == "~":
        error = FileNotFoundError("this user has no home directory, so no cache")
        error.add_note("Hint: set HOME, or name a rootfs with --rootfs.")
        raise error
    return Path(home) / ".cache/cfs"


def current(cache: Path | None = None, progress: Progress | None = None) -> Path:
    """Return a rootfs of the everyday tools as they are now; build it if need be.

    Building takes a moment, so it is shown: on the terminal, or by `progress`.
    """
    cache = cache or directory()
    if root := _up_to_date(cache):
        return root
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / "lock"):
            # Somebody may have built it while we waited for the lock.
            return _up_to_date(cache) or _build(cache, progress)
    except OSError as error:
        error.add_note(f"Hint: XDG_CACHE_HOME names another place than {cache}.")
        raise


def made_from(cache: Path | None = None) -> tuple[list[str], list[str]]:
    """Return the files that the last build came from, and where more might appear."""
    note = json.loads(((cache or directory()) / "current.json").read_text())
    sources = [path for path, *_ in note["sources"]]
    return sources, [str(p) for tool in note["absent"] for p in host_tools.places(tool)]


@contextmanager
def in_use(named: Path | None, cache: Path | None = None) -> Generator[Path]:
    """Keep a rootfs from being cleared away for a `with` block, and yield its path.

    If none is named, that is the cached one.
    """
    root, fd = (named.absolute(), _lock(named)) if named else _lock_current(cache)
    try:
        yield root
    finally:
        os.close(fd)


def _lock_current(cache: Path | None) -> tuple[Path, int]:
    while True:
        root = current(cache)
        try:
            fd = _lock(root)
        except FileNotFoundError:
            continue  # somebody has found changed tools, and cleared it away
        if _is_at(root, fd):
            return root, fd
        os.close(fd)  # they did so before we had the lock


def _lock(root: Path) -> int:
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    return fd


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def _up_to_date(cache: Path) -> Path | None:
    try:
        note = json.loads((cache / "current.json").read_text())
        root = cache / str(note["root"])
        now = _stamps(note["sources"], note["absent"])
        if root.is_dir() and note["sources"] == now:
            return root
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no build yet, or not one of ours: build
    return None


def _stamps(sources: list[Stamp], absent: list[str]) -> list[Stamp] | None:
    """Return the stamps of the sources as they are now; None if a tool was added."""
    if any(host_tools.find(tool) for tool in absent):
        return None
    return [_stamp(str(path)) for path, *_ in sources]


def _stamp(path: str) -> Stamp:
    status = os.stat(path)
    return [path, status.st_size, status.st_mtime_ns]


def _build(cache: Path, progress: Progress | None) -> Path:
    # Here, because most containers find a rootfs.
    import shutil
    import tempfile

    from cfslib.images import progress as bar

    _clear_away_old_builds(cache)
    root = Path(tempfile.mkdtemp(prefix="rootfs-", dir=cache))
    try:
        root.chmod(0o755)
        with bar.in_terminal("Copying this machine's programs") as shown:
            found = host_tools.build(root, progress=progress or shown)
        # How we build is a source too: another version of us builds something else.
        sources = [*found, host_tools.__file__]
        _write_note(cache, root, map(str, sources))
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return root


def _write_note(cache: Path, root: Path, sources: Iterable[str]) -> None:
    absent = [tool for tool in host_tools.EVERYDAY if not host_tools.find(tool)]
    stamps = [_stamp(source) for source in dict.fromkeys(sources)]
    note = {"root": root.name, "sources": stamps, "absent": absent}
    draft = cache / "current.json.new"
    draft.write_text(json.dumps(note))
    draft.replace(cache / "current.json")  # whole or not at all


def _clear_away_old_builds(cache: Path) -> None:
    """Remove the builds that no container runs in, half-finished ones included."""
    import shutil

    for root in cache.glob("rootfs-*"):
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        with suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(root)
        os.close(fd)


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
