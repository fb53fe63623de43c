"""notes: which build a search path leads to, and what that build came from.

The file `notes-UID` in the cache has a note for each search path of late, the last one
first.  Two NULs end a section of a note, three a note; and one NUL stands between the
fields of a section, because no path contains one:

    the search path, where each tool was found, the name of the build
    what to watch: directories, and files that may yet become tools
    the stamps of these, three numbers each
    the files that the build came from
    the stamps of these

A build serves as long as all stamps are as they were.
"""

import posix
import stat

from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Stamp = tuple[int, int, int]  # inode, size, time of the last change in nanoseconds
Stamps = dict[bytes, Stamp]  # of files, by their paths

MISSING = (0, 0, 0)  # the stamp of what is not there
UNSURE = (-1, -1, -1)  # one that nothing has


class Note(Record):
    """What a container needs to know of a build."""

    def __init__(
        self,
        search: bytes,
        programs: bytes,
        root: str,
        watched: Stamps,
        sources: Stamps,
    ) -> None:
        self.search = search
        self.programs = programs  # one for each everyday tool, with colons between
        self.root = root
        self.watched = watched
        self.sources = sources


def fresh(cache: str, search: bytes) -> "Note | None":
    """Return the note for a search path, if its build is what we would build now."""
    for note in saved(cache, search):
        if are_as_before(note.watched) and serves(cache, note):
            return note
    return None


def serves(cache: str, note: Note) -> bool:
    """Say if a build is there, and all that it came from is as it was."""
    return is_ours(f"{cache}/{note.root}") and are_as_before(note.sources)


def is_ours(root: str) -> bool:
    """Say if this is a directory that nobody else could have put there."""
    try:
        status = posix.lstat(root)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == posix.geteuid()


def are_as_before(stamps: Stamps) -> bool:
    """Say if none of these files has changed."""
    return [stamp(path) for path in stamps] == [*stamps.values()]


def stamp(path: bytes) -> Stamp:
    """Return what is another whenever a file or a directory changes, or is replaced."""
    try:
        status = posix.stat(path)
    except OSError:
        return MISSING
    return status.st_ino, status.st_size, status.st_ctime_ns


def saved(cache: str, search: bytes = b"") -> "Iterator[Note]":
    """Yield the notes for a search path, or all."""
    for text in _read(file_in(cache)).split(b"\0\0\0"):
        if not search or text.startswith(search + b"\0"):
            try:
                yield _parsed(text)
            except ValueError:
                pass  # not one of ours


def as_text(notes: "Sequence[Note]") -> bytes:
    """Return notes as `saved` can read them."""
    return b"\0\0\0".join(map(_as_text, notes))


def file_in(cache: str) -> str:
    """Return where the notes of this user are: sudo may keep HOME, and so the cache."""
    return f"{cache}/notes-{posix.geteuid()}"


def _as_text(note: Note) -> bytes:
    sections = [b"\0".join([note.search, note.programs, note.root.encode()])]
    for stamps in (note.watched, note.sources):
        numbers = [b"%d %d %d" % stamp for stamp in stamps.values()]
        sections += [b"\0".join(stamps), b" ".join(numbers)]
    return b"\0\0".join(sections)


def _read(path: str) -> bytes:
    """Return what is in a file, or nothing if somebody else could have written it."""
    flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK
    try:
        fd = posix.open(path, flags)
    except OSError:
        return b""
    try:
        status = posix.fstat(fd)
        ours = status.st_uid == posix.geteuid() and not status.st_mode & 0o022
        if not ours or not stat.S_ISREG(status.st_mode):
            return b""
        return posix.read(fd, status.st_size)
    finally:
        posix.close(fd)


def _parsed(text: bytes) -> Note:
    head, watched, as_seen, sources, as_copied = text.split(b"\0\0")
    search, programs, root = head.split(b"\0")
    if not root.startswith(b"rootfs-") or b"/" in root:
        raise ValueError("not the name of a build")
    watches, files = _stamps(watched, as_seen), _stamps(sources, as_copied)
    return Note(search, programs, root.decode(), watches, files)


def _stamps(paths: bytes, numbers: bytes) -> Stamps:
    each = map(int, numbers.split())
    return dict(
        zip(paths.split(b"\0"), zip(each, each, each, strict=True), strict=True)
    )
