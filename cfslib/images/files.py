"""files: make what the entries of a layer stand for, in the directories of a tree.

What is in the way is unlinked first.  So nothing is ever written to a file, or through
a link, that was there before.
"""

import os
import stat
from collections.abc import Callable, Mapping

from cfslib.images import removal
from cfslib.images.entry import Entry, Kind
from cfslib.images.headers import BadArchive
from cfslib.images.merged import Merged
from cfslib.images.metadata import Metadata

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Files:
    """How entries become files of a tree."""

    def __init__(self, tree: Merged, metadata: Metadata) -> None:
        self._tree, self._metadata = tree, metadata
        self.directories: dict[str, Entry] = {}  # their metadata comes last
        self._make: Mapping[Kind, Callable[[Entry, str, int, str], None]] = {
            Kind.FILE: self._file,
            Kind.HARD_LINK: self._hard_link,
            Kind.SYMLINK: self._symlink,
            Kind.DIRECTORY: self._directory,
            Kind.FIFO: self._fifo,
            Kind.CHAR: self._device,
            Kind.BLOCK: self._device,
        }

    def make(self, entry: Entry, name: str, parent: int, directory: str) -> None:
        """Make what an entry stands for, in a directory that is open."""
        place = f"{directory}/{name}" if directory else name
        self._make[entry.kind](entry, name, parent, place)

    def clear(self, name: str, parent: int, place: str) -> None:
        """Take away what is in the way, if anything is."""
        if place in self._tree.holds:
            raise BadArchive("this is a directory in the same layer")
        try:
            removal.remove(name, parent)
        except FileNotFoundError:
            return
        self._tree.forget(place)

    def _file(self, entry: Entry, name: str, parent: int, place: str) -> None:
        try:
            fd = os.open(name, _NEW, 0o600, dir_fd=parent)
        except FileExistsError:
            self.clear(name, parent, place)
            fd = os.open(name, _NEW, 0o600, dir_fd=parent)
        try:
            if data := entry.data:
                data.copy_to(fd)
                if data.has_holes:
                    os.ftruncate(fd, entry.size)
            self._metadata.set(fd, entry)
        finally:
            os.close(fd)

    def _directory(self, entry: Entry, name: str, parent: int, place: str) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                self.clear(name, parent, place)
                os.mkdir(name, 0o700, dir_fd=parent)
        self._tree.remember(sum(map(len, entry.xattrs.values())))
        self.directories[place] = entry

    def _symlink(self, entry: Entry, name: str, parent: int, place: str) -> None:
        try:
            os.symlink(entry.link, name, dir_fd=parent)
        except FileExistsError:
            self.clear(name, parent, place)
            os.symlink(entry.link, name, dir_fd=parent)
        self._metadata.set_by_name(name, parent, entry)

    def _hard_link(self, entry: Entry, name: str, parent: int, place: str) -> None:
        directory, _, target = cleaned(entry.link).rpartition("/")
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
            self.clear(name, parent, place)
            os.link(target, name, **where, follow_symlinks=False)

    def _fifo(self, entry: Entry, name: str, parent: int, place: str) -> None:
        self.clear(name, parent, place)
        os.mkfifo(name, 0o600, dir_fd=parent)
        self._metadata.set_by_name(name, parent, entry)

    def _device(self, entry: Entry, name: str, parent: int, place: str) -> None:
        self.clear(name, parent, place)
        is_char = entry.kind is Kind.CHAR
        if is_char and entry.device == (0, 0):
            raise BadArchive("a device 0, 0 would be a whiteout to overlay")
        mode = (stat.S_IFCHR if is_char else stat.S_IFBLK) | 0o600
        try:
            os.mknod(name, mode, os.makedev(*entry.device), dir_fd=parent)
        except PermissionError:
            self._metadata.leave_out(
                "device nodes, which may not be made here", entry.name
            )
            return
        self._metadata.set_by_name(name, parent, entry)


def cleaned(name: str) -> str:
    """Return a name without what leads nowhere; one that may lead out is refused."""
    names = [each for each in name.split("/") if each not in ("", ".")]
    if name.startswith("/") or ".." in names:
        raise BadArchive(f"{name} leads out")
    return "/".join(names)
