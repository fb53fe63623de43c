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
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

from cfslib.images import removal, tar
from cfslib.images.contents import Stream
from cfslib.images.copies import copy_linked
from cfslib.images.entry import Entry, Kind
from cfslib.images.headers import BadArchive
from cfslib.images.merged import Merged
from cfslib.images.metadata import Metadata
from cfslib.images.read_ahead import Ahead

__all__ = ["Applied", "BadLayer", "Limits", "apply", "copy_linked"]

_WHITEOUT, _OPAQUE, _OF_AUFS = ".wh.", ".wh..wh..opq", ".wh..wh."
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
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
        self._tree_name = tree
        self._tree = Merged(tree, self._count)
        self._made: set[str] = set()
        self._holds = {""}  # directories with something in them that was made
        self._directories: dict[str, Entry] = {}
        self._make: Mapping[Kind, Callable[[Entry, str, int, str], None]] = {
            Kind.FILE: self._file,
            Kind.HARD_LINK: self._hard_link,
            Kind.SYMLINK: self._symlink,
            Kind.DIRECTORY: self._directory,
            Kind.FIFO: self._fifo,
            Kind.CHAR: self._device,
            Kind.BLOCK: self._device,
        }

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
        place = _cleaned(entry.name)
        directory, _, name = place.rpartition("/")
        if _OF_AUFS in place and name != _OPAQUE:
            return  # what aufs kept for itself, in images of long ago
        parent, real = self._tree.directory(directory)
        self._note(f"{real}/{name}" if real else name, real)
        if _WHITEOUT in place:
            self._whiteout(place, name, parent, real)
        elif name:
            self._make[entry.kind](
                entry, name, parent, f"{real}/{name}" if real else name
            )
        elif entry.kind is Kind.DIRECTORY:
            self._directories[""] = entry
        else:
            raise BadArchive("the root is not a directory")

    def _count(self) -> None:
        self.entries += 1
        if self.entries > self._limits.entries:
            raise BadArchive(f"the layer has more than {self._limits.entries} entries")

    def _note(self, place: str, directory: str) -> None:
        """Take note of what is made, and of the directories around it."""
        if place in self._made:
            raise BadArchive("this path is in the layer twice")
        self._made.add(place)
        while directory not in self._holds:
            self._holds.add(directory)
            directory = directory.rpartition("/")[0]

    def _is_of_this_layer(self, place: str) -> bool:
        return place in self._made or place in self._holds

    # One function a kind of entry.

    def _file(self, entry: Entry, name: str, parent: int, place: str) -> None:
        try:
            fd = os.open(name, _NEW, 0o600, dir_fd=parent)
        except FileExistsError:
            self._clear(name, parent, place)
            fd = os.open(name, _NEW, 0o600, dir_fd=parent)
        try:
            if data := entry.data:
                data.copy_to(fd)
                if data.has_holes:
                    os.ftruncate(fd, entry.size)
            self.metadata.set(fd, entry)
        finally:
            os.close(fd)

    def _directory(self, entry: Entry, name: str, parent: int, place: str) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                self._clear(name, parent, place)
                os.mkdir(name, 0o700, dir_fd=parent)
        self._directories[place] = entry

    def _symlink(self, entry: Entry, name: str, parent: int, place: str) -> None:
        try:
            os.symlink(entry.link, name, dir_fd=parent)
        except FileExistsError:
            self._clear(name, parent, place)
            os.symlink(entry.link, name, dir_fd=parent)
        self.metadata.set_by_name(name, parent, entry)

    def _hard_link(self, entry: Entry, name: str, parent: int, place: str) -> None:
        directory, _, target = _cleaned(entry.link).rpartition("/")
        parent = os.dup(parent)  # asking for another directory may close it
        try:
            source, real = self._tree.directory(directory, make=False)
            if not target or place == (f"{real}/{target}" if real else target):
                raise BadArchive(f"a hard link to {entry.link}")
            self._link(target, source, name, parent, place)
        except FileNotFoundError:
            raise BadArchive(
                f"a hard link to {entry.link}, which is not there"
            ) from None
        finally:
            os.close(parent)

    def _link(
        self, target: str, source: int, name: str, parent: int, place: str
    ) -> None:
        status = os.stat(target, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            raise BadArchive(f"a hard link to a directory, {target}")
        where = {"src_dir_fd": source, "dst_dir_fd": parent}
        try:
            os.link(target, name, **where, follow_symlinks=False)
        except FileExistsError:
            self._clear(name, parent, place)
            os.link(target, name, **where, follow_symlinks=False)

    def _fifo(self, entry: Entry, name: str, parent: int, place: str) -> None:
        self._clear(name, parent, place)
        os.mkfifo(name, 0o600, dir_fd=parent)
        self.metadata.set_by_name(name, parent, entry)

    def _device(self, entry: Entry, name: str, parent: int, place: str) -> None:
        self._clear(name, parent, place)
        is_char = entry.kind is Kind.CHAR
        if is_char and entry.device == (0, 0):
            raise BadArchive("a device 0, 0 would be a whiteout to overlay")
        mode = (stat.S_IFCHR if is_char else stat.S_IFBLK) | 0o600
        try:
            os.mknod(name, mode, os.makedev(*entry.device), dir_fd=parent)
        except PermissionError:
            self.metadata.leave_out(
                "device nodes, which may not be made here", entry.name
            )
            return
        self.metadata.set_by_name(name, parent, entry)

    # What is in the way, or is to be there no more.

    def _clear(self, name: str, parent: int, place: str) -> None:
        if place in self._holds:
            raise BadArchive("this is a directory in the same layer")
        try:
            removal.remove(name, parent)
        except FileNotFoundError:
            return
        self._tree.forget(place)

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
        if gone in self._holds:
            self._empty(hidden, parent, gone)
            if gone not in self._directories:
                self._tree.before[gone] = None
        elif gone not in self._made:
            self._clear(hidden, parent, gone)

    def _empty(self, name: str, parent: int, place: str) -> None:
        """Take away what lies below in a directory, and what it was."""
        removal.empty(name, parent, self._is_of_this_layer, self._tree.forget, place)
        self._tree.is_new(place)

    # Directories come last: what is made in one changes its times.

    def finish(self) -> None:
        """Give directories their metadata, the deepest first."""
        places = self._tree.before.keys() | self._directories.keys()
        for place in sorted(places, reverse=True):
            directory, _, name = place.rpartition("/")
            parent = self._tree.directory(directory)[0]
            fd = os.open(name or ".", _DIRECTORY, dir_fd=parent)
            try:
                self._finish(fd, place)
            finally:
                os.close(fd)

    def _finish(self, fd: int, place: str) -> None:
        entry, before = self._directories.get(place), self._tree.before.get(place)
        if entry or not before:
            self.metadata.set_anew(fd, entry or Entry(place, Kind.DIRECTORY, 0o755))
            return
        os.chmod(fd, stat.S_IMODE(before.st_mode))
        os.utime(fd, ns=(before.st_atime_ns, before.st_mtime_ns))


def _cleaned(name: str) -> str:
    """Return a name without what leads nowhere; one that may lead out is refused."""
    names = [each for each in name.split("/") if each not in ("", ".")]
    if name.startswith("/") or ".." in names:
        raise BadArchive(f"{name} leads out")
    return "/".join(names)
