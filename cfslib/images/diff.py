"""diff: what was changed in an overlay, as a layer.

Overlay keeps what a container writes in a directory, *upper*.  A file that was removed
is a device 0, 0 there, or an empty file with an attribute; a directory that hides all
below it has another.  A layer says the same with files named `.wh.NAME`.  See
Documentation/filesystems/overlayfs.rst of the kernel.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from cfslib.images import metadata, recorded, removal
from cfslib.images.entry import Entry, Kind
from cfslib.images.headers import BadArchive
from cfslib.images.writer import Writer

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_PREFIXES = ("trusted.overlay.", "user.overlay.")
# What upper has of a file or a directory whose contents are elsewhere.
_INCOMPLETE = {"redirect": "redirect_dir", "metacopy": "metacopy"}
_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFCHR: Kind.CHAR,
    stat.S_IFBLK: Kind.BLOCK,
}
_ABSENT = {errno.ENODATA, errno.ENOTSUP, errno.EPERM}
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class CannotDiff(BadArchive):
    """What upper says needs more than upper to be understood."""


def diff(upper: str, out: BinaryIO, *, lower: "str | None" = None) -> None:
    """Write what is in an upper directory as a layer, the same each time.

    If `lower` is the tree below it, whiteouts of what is not there are left out.  The
    layer begins with the root, and so `upper` has to look as the root should.
    """
    writer = Writer(out)
    _Diff(writer).add_directory(upper, None, "", lower)
    writer.close()


class _Diff:
    """A layer that is written, and the names of files that have several."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._first: dict[tuple[int, int], str] = {}

    def add_directory(
        self, name: str, parent: "int | None", place: str, below: "str | None"
    ) -> None:
        """Write a directory, whiteouts first, and what is in it."""
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        fd = removal.opened(name, parent)
        try:
            marks = _marks(fd, place)
            self._writer.add(_entry(f"{place}/" if place else "./", status, fd))
            if marks.get("opaque") == b"y" and below != "":
                self._writer.add(Entry(_in(place, _OPAQUE), Kind.FILE))
            if marks.get("opaque") == b"y":
                below = ""
            self._add_contents(fd, place, below)
            if os.fstat(fd).st_mode != status.st_mode:
                os.fchmod(fd, stat.S_IMODE(status.st_mode))
        finally:
            os.close(fd)

    def _add_contents(self, fd: int, place: str, below: "str | None") -> None:
        found = [(name, _status(name, fd)) for name in sorted(os.listdir(fd))]
        gone = [name for name, status in found if _is_whiteout(name, fd, status)]
        for name in gone:
            if _may_be_below(below, name):
                self._writer.add(Entry(_in(place, _WHITEOUT + name), Kind.FILE))
        for name, status in found:
            if name not in gone:
                self._add(name, fd, _in(place, name), status, below)

    def _add(
        self,
        name: str,
        parent: int,
        place: str,
        status: os.stat_result,
        below: "str | None",
    ) -> None:
        if name.startswith(_WHITEOUT):
            raise CannotDiff(f"{place}: in a layer this name would be a whiteout")
        if stat.S_ISDIR(status.st_mode):
            self.add_directory(name, parent, place, _within(below, name))
        elif first := self._first_name(place, status):
            # Some tools give the file what the entry of its last name says.
            found = _entry(place, status, None, link=first)
            self._writer.add(replace(found, kind=Kind.HARD_LINK, size=0))
        elif stat.S_ISREG(status.st_mode):
            self._add_file(name, parent, place, status)
        elif stat.S_IFMT(status.st_mode) in _KINDS:  # all but sockets
            target = ""
            if stat.S_ISLNK(status.st_mode):
                target = os.readlink(name, dir_fd=parent)
            self._writer.add(_entry(place, status, None, link=target))

    def _first_name(self, place: str, status: os.stat_result) -> str:
        """Return the name under which a file is in the layer already."""
        if status.st_nlink == 1:
            return ""
        first = self._first.setdefault((status.st_dev, status.st_ino), place)
        return "" if first == place else first

    def _add_file(
        self, name: str, parent: int, place: str, status: os.stat_result
    ) -> None:
        with open(_opened_file(name, parent, status), "rb") as file:
            _marks(file.fileno(), place)
            self._writer.add(_entry(place, status, file.fileno()), file)


def _entry(
    place: str, status: os.stat_result, fd: "int | None", link: str = ""
) -> Entry:
    xattrs = {} if fd is None else metadata.all_kept(fd)
    uid, gid = status.st_uid, status.st_gid
    if data := xattrs.pop(recorded.NAME, b""):
        uid, gid = recorded.unpacked(data)
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    is_device = kind in (Kind.CHAR, Kind.BLOCK)
    return Entry(
        name=place,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=uid,
        gid=gid,
        size=status.st_size if kind is Kind.FILE else 0,
        mtime=status.st_mtime_ns,
        link=link,
        xattrs=xattrs,
        device=_numbers(status.st_rdev) if is_device else (0, 0),
    )


def _numbers(device: int) -> tuple[int, int]:
    return os.major(device), os.minor(device)


def _status(name: str, parent: int) -> os.stat_result:
    return os.stat(name, dir_fd=parent, follow_symlinks=False)


def _opened_file(name: str, parent: int, status: os.stat_result) -> int:
    try:
        return os.open(name, _FILE, dir_fd=parent)
    except PermissionError:  # ours, and closed to us: for a moment it is not
        mode = stat.S_IMODE(status.st_mode)
        os.chmod(name, mode | stat.S_IRUSR, dir_fd=parent)
        try:
            return os.open(name, _FILE, dir_fd=parent)
        finally:
            os.chmod(name, mode, dir_fd=parent)


def _marks(fd: int, place: str) -> dict[str, bytes]:
    """Return what overlay has noted about a file; refuse what is only half of one."""
    found = dict(_overlay_attributes(fd))
    for name, option in _INCOMPLETE.items():
        if name in found:
            error = CannotDiff(f"{place}: overlay has noted only what changed of it")
            error.add_note(f"Hint: mount the overlay with {option}=off")
            raise error
    return found


def _overlay_attributes(fd: int) -> Iterator[tuple[str, bytes]]:
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
        return
    for name in names:
        if name.startswith(_PREFIXES):
            yield name.split(".", 2)[2], os.getxattr(fd, name)


def _is_whiteout(name: str, parent: int, status: os.stat_result) -> bool:
    if stat.S_ISCHR(status.st_mode):
        return status.st_rdev == 0
    if not stat.S_ISREG(status.st_mode) or status.st_size:
        return False
    fd = _opened_file(name, parent, status)
    try:
        return "whiteout" in dict(_overlay_attributes(fd))
    finally:
        os.close(fd)


def _in(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name


# Below: a directory of the lower tree, "" if there is none there, None if nobody knows.


def _within(below: "str | None", name: str) -> "str | None":
    if not below:
        return below
    path = f"{below}/{name}"
    return path if os.path.isdir(path) and not os.path.islink(path) else ""


def _may_be_below(below: "str | None", name: str) -> bool:
    return below is None or (bool(below) and os.path.lexists(f"{below}/{name}"))
