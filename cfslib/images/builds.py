"""builds: fill the cache with what containers need next.

That is a new rootfs if the programs of this machine have changed.  Often a new note on
an earlier one will do: a file that is none of the everyday tools has come into a
directory of PATH, or somebody has another PATH, and it leads to the same programs.
"""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cfslib.images import host_tools, notes, progress
from cfslib.images.host_tools import EVERYDAY, Progress
from cfslib.images.notes import MISSING, UNSURE, Note, Stamp, Stamps

_MOST = 4  # notes that are kept, and the builds that they name
_STOP = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}
_TICK = 0.01  # seconds that the kernel's times of changes may be behind


def renew(cache: str, search: bytes, show: Progress | None = None) -> Note:
    """Return a note for a search path that is up to date."""
    try:
        os.makedirs(cache, exist_ok=True)
        with _stoppable(), _locked(f"{cache}/lock"):
            # Somebody may have done it while we waited for the lock.
            return notes.fresh(cache, search) or _renew(cache, search, show)
    except OSError as error:
        error.add_note(f"Hint: XDG_CACHE_HOME names another place than {cache}.")
        raise


@contextmanager
def _stoppable() -> Generator[None]:
    """Let signals through: whoever starts a container has them wait until it runs."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _renew(cache: str, search: bytes, show: Progress | None) -> Note:
    began = time.time_ns()
    time.sleep(_TICK)  # what is changed from now on has a later time than `began`
    programs, more = _look(search)
    serving = [note for note in notes.saved(cache) if notes.serves(cache, note)]
    others = [note for note in serving if note.search != search][: _MOST - 1]
    for note in serving:
        if note.programs == programs:
            watched = _watched(search, more, note.sources, began)
            new = note.changed(search=search, watched=watched)
            with suppress(OSError):  # on a full disk we look again the next time
                _write(cache, [new, *others])
            return new
    _clear_away(cache, {note.root for note in others})
    root = Path(tempfile.mkdtemp(prefix="rootfs-", dir=cache))
    try:
        sources = _build(root, search, show, began)
        watched = _watched(search, more, sources, began)
        new = Note(search, programs, root.name, watched, sources)
        _write(cache, [new, *others])
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return new


def _look(search: bytes) -> tuple[bytes, list[str]]:
    """Return where each tool is, and what has the name of one but cannot be run yet."""
    found, more = [], []
    for tool in EVERYDAY:
        places = host_tools.places(tool, os.fsdecode(search))
        program = host_tools.find(tool, os.fsdecode(search))
        before = places[: places.index(program)] if program else places
        found.append(os.fsencode(program or ""))
        more += [str(place) for place in before if os.path.lexists(place)]
    return b":".join(found), more


def _watched(
    search: bytes, more: Iterable[str], sources: Iterable[bytes], began: int
) -> Stamps:
    """Return what changes if another tool appears, or if a source is replaced.

    To replace a file is to change its directory, as package managers do it.  There are
    few of these, and well over a hundred sources.
    """
    places = {place for source in sources for place in _places(os.fsdecode(source))}
    paths = [*search.split(b":"), *map(os.fsencode, [*more, *sorted(places)])]
    return {path: _stamp(path, began) for path in paths}


def _places(file: str) -> Iterator[str]:
    """Yield the directory of a file; if it is a link, also that of what it leads to."""
    yield os.path.dirname(file)
    if os.path.islink(file):
        yield from _places(os.path.join(os.path.dirname(file), os.readlink(file)))


def _build(root: Path, search: bytes, show: Progress | None, began: int) -> Stamps:
    root.chmod(0o755)
    with progress.in_terminal("Copying this machine's programs") as shown:
        found = host_tools.build(root, EVERYDAY, show or shown, os.fsdecode(search))
    # How we build is a source too: another version of us builds something else.
    paths = map(os.fsencode, dict.fromkeys([*found, Path(host_tools.__file__)]))
    sources = {path: _stamp(path, began) for path in paths}
    if MISSING in sources.values():
        raise FileNotFoundError("a program was removed while it was copied")
    return sources


def _stamp(path: bytes, began: int) -> Stamp:
    """Return the stamp of a file, or none that holds if it changed while we looked."""
    seen = notes.stamp(path)
    *_, changed = seen
    return UNSURE if began < changed <= time.time_ns() else seen


def _write(cache: str, some: Sequence[Note]) -> None:
    file = notes.file_in(cache)
    draft = f"{file}.new"
    with suppress(FileNotFoundError):
        os.unlink(draft)  # of somebody who was killed here
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    # For us alone, whatever the umask is: nobody believes what others may write.
    with open(os.open(draft, flags, 0o600), "wb") as written:
        written.write(notes.as_text(some))
    os.replace(draft, file)  # whole or not at all


def _clear_away(cache: str, kept: Iterable[str]) -> None:
    """Remove the builds that no container runs in, half-finished ones included."""
    for root in Path(cache).glob("rootfs-*"):
        if root.name in kept or not notes.is_ours(str(root)):
            continue
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        with suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Nobody finds it by its name and takes it, if we are killed half way.
            shutil.rmtree(root.rename(root.with_suffix(".gone")))
        os.close(fd)


@contextmanager
def _locked(path: str) -> Generator[None]:
    # To read is enough for a lock, and works where nothing can be written.
    fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
