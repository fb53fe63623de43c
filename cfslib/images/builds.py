"""builds: fill the cache with what containers need next.

That is a new rootfs if the programs of this machine have changed.  Often a new note on
an earlier one will do: a file that is none of the everyday tools has come into a
directory of PATH, or somebody has another PATH, and it leads to the same programs.
"""

import errno
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cfslib.images import host_tools, needs, notes, ours, progress
from cfslib.images.host_tools import EVERYDAY
from cfslib.images.notes import MISSING, UNSURE, Note, Stamp, Stamps
from cfslib.images.progress import Progress
from cfslib.kernel import procfs

# How we build is a source too: another version of us builds something else.
_OURS = Path(host_tools.__file__)
_MOST = 4  # notes that are kept, and the builds that they name
_STOP = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}
_TICK = 0.01  # seconds that the kernel's times of changes may be behind
_LIMITS = {errno.EMFILE, errno.ENFILE, errno.EFBIG, errno.ENOMEM}  # wherever it is
_PATIENCE = 5  # seconds to wait for who builds: it takes one or two


def renew(cache: str, search: bytes, show: Progress | None = None) -> Note:
    """Return a note for a search path that is up to date."""
    try:
        ours.make(cache)
        ours.check(cache, "HOME or XDG_CACHE_HOME")  # somebody may have been faster
        with _stoppable(), _locked(cache):
            # Somebody may have done it while we waited for the lock.
            return notes.fresh(cache, search) or _renew(cache, search, show)
    except OSError as error:
        error.filename = error.filename or cache  # write(2) knows no names
        if error.errno not in _LIMITS:
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
        with _in_use(root):
            sources = _build(root, search, show, began)
        watched = _watched(search, more, sources, began)
        new = Note(search, programs, root.name, watched, sources, _made(root))
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
    paths = map(os.fsencode, dict.fromkeys([*found, _OURS]))
    sources = {path: _stamp(path, began) for path in paths}
    if MISSING in sources.values():
        raise FileNotFoundError("a program was removed while it was copied")
    return sources


def _stamp(path: bytes, began: int) -> Stamp:
    """Return the stamp of a file, or none that holds if it changed while we looked."""
    seen = notes.stamp(path)
    *_, changed = seen
    return UNSURE if began < changed <= time.time_ns() else seen


def lost(root: Path, note: Note) -> Iterator[Path]:
    """Yield which files of a build are not there, or not as long as those copied."""
    for source, (_, _, size, _) in note.sources.items():
        file = Path(os.fsdecode(source))
        if file == _OURS or not host_tools.is_readable(file):
            continue  # it was not copied
        place = needs.resolve(root, file)
        if not place or place.stat().st_size != size:
            yield file
    for directory in note.made:
        if not os.path.isdir(f"{root}{os.fsdecode(directory)}"):
            yield Path(os.fsdecode(directory))


@contextmanager
def _in_use(root: Path) -> Generator[None]:
    """Keep a build from being cleared away by somebody who did not wait for us."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def _made(root: Path) -> Stamps:
    """Return what changes if a file of a build goes, or another one comes."""
    top = os.fsencode(root)
    places = [place for place, _, files in os.walk(top) if files or place == top]
    return {place.removeprefix(top) or b"/": notes.stamp(place) for place in places}


def _write(cache: str, some: Sequence[Note]) -> None:
    ours.write(notes.file_in(cache), notes.as_text(some))


def _clear_away(cache: str, kept: Iterable[str]) -> None:
    """Remove the builds that no container runs in, half-finished ones included."""
    for root in Path(cache).glob("rootfs-*"):
        if root.name not in kept:
            with suppress(OSError):  # it is in use, or no directory: it does no harm
                _remove(root)


def _remove(root: Path) -> None:
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_uid != os.geteuid() or _has_mounts(root):
            return  # it is not ours, or has files in it that are not
        # Nobody finds it by its name and takes it, if we are killed half way.
        shutil.rmtree(root.rename(root.with_suffix(f".{time.time_ns()}")))
    finally:
        os.close(fd)


def _has_mounts(root: Path) -> bool:
    place = root.resolve()
    return any(place in Path(mount.target).parents for mount in procfs.mounts())


@contextmanager
def _locked(directory: str) -> Generator[None]:
    """Be the only one who builds, if who does it now is done in a while.

    To build beside somebody else is no harm, and each of us can be stopped.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        end = time.monotonic() + _PATIENCE
        while not _takes_lock(fd) and time.monotonic() < end:
            time.sleep(_TICK)
        yield
    finally:
        os.close(fd)


def _takes_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
