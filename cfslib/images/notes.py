"""notes: which build a search path leads to, and what that build came from.

The file `notes` in the cache has a note for each search path of late, the last one
first.  Two NULs end a section of a note, three a note; and one NUL stands between the
fields of a section, because no path contains one:

    the search path, where each tool was found, the name of the build
    what to watch: directories, and files that may yet become tools
    the stamps of these, four numbers each
    the files that the build came from
    the stamps of these
    the directories of the build that have files in them, from its top down
    the stamps of these

A build serves as long as all stamps are as they were.
"""

import posix
import sys

from cfslib.images import ours
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Device, inode, size, and time of the last change in nanoseconds, which nobody can set.
Stamp = tuple[int, int, int, int]
Stamps = dict[bytes, Stamp]  # of files, by their paths

MISSING = (0, 0, 0, 0)  # the stamp of what is not there
UNSURE = (-1, -1, -1, -1)  # one that nothing has


class Note(Record):
    """What a container needs to know of a build."""

    def __init__(
        self,
        search: bytes,
        programs: bytes,
        root: str,
        watched: Stamps,
        sources: Stamps,
        made: Stamps,
    ) -> None:
        self.search = search
        self.programs = programs  # one for each everyday tool, with colons between
        self.root = root
        self.watched = watched
        self.sources = sources
        self.made = made  # by their paths below the root


def fresh(cache: str, search: bytes) -> "Note | None":
    """Return the note for a search path, if its build is what we would build now."""
    for note in saved(cache, search):
        if are_as_before(note.watched) and serves(cache, note):
            return note
    return None


def serves(cache: str, note: Note) -> bool:
    """Say if a build is there, whole, and all that it came from is as it was."""
    return is_whole(f"{cache}/{note.root}", note) and are_as_before(note.sources)


def is_whole(root: str, note: Note) -> bool:
    """Say if a build is there, and no file was put into it or taken out."""
    start = root.encode(sys.getfilesystemencoding(), "surrogateescape")
    return are_as_before({start + path: note.made[path] for path in note.made})


def are_as_before(stamps: Stamps) -> bool:
    """Say if none of these files has changed."""
    return [stamp(path) for path in stamps] == [*stamps.values()]


def stamp(path: bytes) -> Stamp:
    """Return what is another whenever a file or a directory changes, or is replaced."""
    try:
        status = posix.stat(path)
    except OSError:
        return MISSING
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns


def saved(cache: str, search: bytes = b"") -> "Iterator[Note]":
    """Yield the notes for a search path, or all."""
    for text in ours.read(file_in(cache)).split(b"\0\0\0"):
        if not search or text.startswith(search + b"\0"):
            try:
                yield _parsed(text)
            except ValueError:
                pass  # not one of ours


def as_text(notes: "Sequence[Note]") -> bytes:
    """Return notes as `saved` can read them."""
    return b"\0\0\0".join(map(_as_text, notes))


def file_in(cache: str) -> str:
    """Return where the notes are."""
    return f"{cache}/notes"


def _as_text(note: Note) -> bytes:
    sections = [b"\0".join([note.search, note.programs, note.root.encode()])]
    for stamps in (note.watched, note.sources, note.made):
        numbers = [b"%d %d %d %d" % stamp for stamp in stamps.values()]
        sections += [b"\0".join(stamps), b" ".join(numbers)]
    return b"\0\0".join(sections)


def _parsed(text: bytes) -> Note:
    head, *stamps = text.split(b"\0\0")
    watched, as_seen, sources, as_copied, made, as_made = stamps
    search, programs, root = head.split(b"\0")
    if not root.startswith(b"rootfs-") or b"/" in root:
        raise ValueError("not the name of a build")
    return Note(
        search,
        programs,
        root.decode(),
        _stamps(watched, as_seen),
        _stamps(sources, as_copied),
        _stamps(made, as_made),
    )


def _stamps(paths: bytes, numbers: bytes) -> Stamps:
    each = map(int, numbers.split())
    return dict(
        zip(paths.split(b"\0"), zip(each, each, each, each, strict=True), strict=True)
    )
