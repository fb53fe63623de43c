"""layers: put an archive on top of a tree, as an image means it.

An image is a row of archives.  The first is put into an empty directory; each of the
others adds files, replaces some and takes some away: an empty file `.wh.NAME` stands
for a NAME that is there no more, `.wh..wh..opq` for all that was in its directory.  See
"Image Layer Filesystem Changeset" in the image specification of the OCI.

Only what lies below goes: what the same layer brings stays, wherever in the archive a
whiteout stands.  A file that is replaced is unlinked and made anew, so that a file
which other trees have too never changes.
"""

import os
import stat
from contextlib import closing
from dataclasses import dataclass

from cfslib.images import removal, tar
from cfslib.images.contents import Stream
from cfslib.images.copies import copy_linked
from cfslib.images.entry import Entry, Kind
from cfslib.images.files import Files, cleaned
from cfslib.images.headers import BadArchive
from cfslib.images.merged import Merged
from cfslib.images.metadata import Metadata
from cfslib.images.read_ahead import Ahead

__all__ = ["Applied", "BadLayer", "Limits", "apply", "copy_linked"]

_WHITEOUT, _OPAQUE, _OF_AUFS = ".wh.", ".wh..wh..opq", ".wh..wh."
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = 1 << 18


class BadLayer(BadArchive):
    """An entry of a layer that cannot be, or would do damage."""


@dataclass(frozen=True)
class Limits:
    """How much a layer may bring."""

    entries: int = 1_000_000
    size: int = 1 << 36  # bytes of all files


@dataclass(frozen=True)
class Applied:
    """What became of a layer."""

    left_out: list[str]
    entries: int


def apply(
    stream: Stream, tree: str, *, owners: str = "real", limits: "Limits | None" = None
) -> Applied:
    """Put a layer, unpacked, on top of a tree; read the stream to its end.

    With owners "recorded" all files are ours, and an attribute says whose they are to
    be.  If this raises, the tree is neither as it was nor as it should be.
    """
    layer = _Layer(tree, Metadata(owners), limits or Limits())
    with Ahead(stream) as ahead, closing(layer):
        for entry in tar.entries(ahead):
            layer.add(entry)
        while ahead.read1(_READ):
            pass  # what follows the end means nothing, but it counts in the digest
        layer.finish()
    return Applied(layer.metadata.left_out(), layer.entries)


class _Layer:
    """A tree, and what a layer has brought so far."""

    def __init__(self, tree: str, metadata: Metadata, limits: Limits) -> None:
        self.metadata, self._limits = metadata, limits
        self.entries = self._size = 0
        self._tree = Merged(tree, self._count)
        self._files = Files(self._tree, metadata)

    def close(self) -> None:
        self._tree.close()

    def add(self, entry: Entry) -> None:
        """Put one entry where it belongs; an error names it."""
        try:
            self._add(entry)
        except BadArchive as error:
            raise BadLayer(f"{entry.name}: {error}") from None
        except OSError as error:
            code = error.errno or 0
            raise OSError(code, os.strerror(code), entry.name) from error

    def _add(self, entry: Entry) -> None:
        self._count()
        self._size += entry.size
        if self._size > self._limits.size:
            raise BadArchive(f"the layer has more than {self._limits.size} bytes")
        place = cleaned(entry.name)
        directory, _, name = place.rpartition("/")
        is_marked = _WHITEOUT in place and f"/{_WHITEOUT}" in f"/{place}"
        if is_marked and f"/{_OF_AUFS}" in f"/{place}" and name != _OPAQUE:
            return  # what aufs kept for itself, in images of long ago
        parent, real = self._tree.directory(directory)
        self._tree.add(f"{real}/{name}" if real else name, real)
        if is_marked:
            self._whiteout(place, name, parent, real)
        elif name:
            self._files.make(entry, name, parent, real)
        elif entry.kind is Kind.DIRECTORY:
            self._files.directories[""] = entry
        else:
            raise BadArchive("the root is not a directory")

    def _count(self) -> None:
        self.entries += 1
        if self.entries > self._limits.entries:
            raise BadArchive(f"the layer has more than {self._limits.entries} entries")

    def _is_of_this_layer(self, place: str) -> bool:
        return place in self._tree.made or place in self._tree.holds

    # What is to be there no more.

    def _whiteout(self, place: str, name: str, parent: int, directory: str) -> None:
        if name == _OPAQUE:
            self._empty(".", parent, directory)
            return
        hidden = name.removeprefix(_WHITEOUT)
        if not name.startswith(_WHITEOUT) or hidden in ("", ".", ".."):
            raise BadArchive("this is no whiteout")
        gone = f"{directory}/{hidden}" if directory else hidden
        if gone in self._tree.followed:
            raise BadArchive(f"{gone} is a link that entries before went through")
        if gone in self._tree.holds:
            self._empty(hidden, parent, gone)
            if gone not in self._files.directories:
                self._tree.before[gone] = None
        elif gone not in self._tree.made:
            self._files.clear(hidden, parent, gone)

    def _empty(self, name: str, parent: int, place: str) -> None:
        """Take away what lies below in a directory, and what it was."""
        removal.empty(name, parent, self._is_of_this_layer, self._tree.forget, place)
        self._tree.is_new(place)

    # Directories come last: what is made in one changes its times.

    def finish(self) -> None:
        """Give directories their metadata, the deepest first."""
        places = self._tree.before.keys() | self._files.directories.keys()
        for place in sorted(places, reverse=True):
            directory, _, name = place.rpartition("/")
            parent = self._tree.directory(directory)[0]
            fd = os.open(name or ".", _DIRECTORY, dir_fd=parent)
            try:
                self._finish(fd, place)
            finally:
                os.close(fd)

    def _finish(self, fd: int, place: str) -> None:
        entry, before = self._files.directories.get(place), self._tree.before.get(place)
        if entry or not before:
            self.metadata.set_anew(fd, entry or Entry(place, Kind.DIRECTORY, 0o755))
            return
        os.chmod(fd, stat.S_IMODE(before.st_mode))
        os.utime(fd, ns=(before.st_atime_ns, before.st_mtime_ns))
