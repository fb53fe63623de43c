"""transfer: files as a tar archive, out of a directory and into one.

Both are done at either end: on the host, and by a `visit` in a container.  Names come
from the other end, which is not to be trusted: each step of a path is taken by itself,
and none of them through a link.
"""

import codecs
import os
import stat
import tarfile
from tarfile import TarFile, TarInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 18
for _codec in ("utf-8", "ascii", "iso8859-1"):  # now: inside, there are no modules
    codecs.lookup(_codec)


def pack(source: str, out: "IO[Any]") -> None:
    """Write a file, or a directory with all that is in it, as an archive.

    It has its last name there, or "." if what is in it is meant.
    """
    way, _, name = source.rstrip("/").rpartition("/")
    contents = name in ("", ".", "..")
    parent = os.open(source if contents else way or _start(source), os.O_PATH)
    try:
        with tarfile.open(fileobj=out, mode="w|") as archive:
            if contents:
                _pack(archive, parent, ".", ".", {})
            else:
                _pack(archive, parent, name, name, {})
    finally:
        os.close(parent)


def _start(path: str) -> str:
    return "/" if path.startswith("/") else "."


def _pack(
    archive: TarFile,
    parent: int,
    name: str,
    path: str,
    seen: "dict[tuple[int, int], str]",
) -> None:
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    entry = _entry(path, status)
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=parent)
    elif stat.S_ISDIR(status.st_mode):
        entry.type = tarfile.DIRTYPE
    elif stat.S_ISFIFO(status.st_mode):
        entry.type = tarfile.FIFOTYPE
    elif not stat.S_ISREG(status.st_mode):
        return  # a device or a socket is nothing without what is behind it
    elif first := seen.get((status.st_dev, status.st_ino)):
        entry.type, entry.linkname = tarfile.LNKTYPE, first
    else:
        if status.st_nlink > 1:
            seen[status.st_dev, status.st_ino] = path
        _pack_file(archive, parent, name, entry)
        return
    archive.addfile(entry)
    if stat.S_ISDIR(status.st_mode):
        directory = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            for inner in sorted(os.listdir(directory)):
                _pack(archive, directory, inner, f"{path}/{inner}", seen)
        finally:
            os.close(directory)


def _entry(path: str, status: os.stat_result) -> TarInfo:
    entry = TarInfo(path)
    entry.mode, entry.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    entry.uid, entry.gid = status.st_uid, status.st_gid
    return entry


def _pack_file(archive: TarFile, parent: int, name: str, entry: TarInfo) -> None:
    fd = os.open(name, _FILE, dir_fd=parent)
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{entry.name} has just become something else")
        entry.size = status.st_size
        archive.addfile(entry, file)


class Target:
    """Where an archive goes, as `cp` has it: into a directory, or under a new name."""

    def __init__(
        self, path: str, *, owners: bool = False, may_set_ids: bool = False
    ) -> None:
        self._path = path
        self._owners = owners  # those of the archive, as far as we may give files away
        self._mode = 0o7777 if may_set_ids else 0o1777
        self._later: list[tuple[list[str], TarInfo]] = []  # of directories

    def unpack(self, stream: "IO[Any]") -> None:
        """Write all that is in an archive."""
        self._base: int | None = None
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for entry in archive:
                    if self._base is None:
                        self._begin(entry)
                    self._write(archive, entry)
            for names, entry in reversed(self._later):
                self._finish_directory(names, entry)
        except tarfile.TarError as error:
            raise ValueError(f"this is no archive: {error}") from None
        finally:
            if self._base is not None:
                os.close(self._base)

    def _begin(self, first: TarInfo) -> None:
        """Find out what is meant, by what is there and what comes."""
        path, self._new_name = self._path, ""
        self._replaced = int(first.name not in (".", "./"))  # steps of each path
        if not os.path.isdir(path):
            if os.path.lexists(path) and first.isdir():
                raise FileExistsError(f"{path} is no directory, but a directory comes")
            if path.endswith("/") and not first.isdir():
                raise FileNotFoundError(f"there is no directory {path}")
            way, _, self._new_name = path.rstrip("/").rpartition("/")
            path = way or _start(path)
        self._base = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _names(self, name: str) -> "list[str]":
        """Return the steps of a path, below where we write."""
        names = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in names:
            raise ValueError(f"{name!r} in the archive leads elsewhere")
        return [self._new_name, *names[self._replaced :]] if self._new_name else names

    def _write(self, archive: TarFile, entry: TarInfo) -> None:
        names = self._names(entry.name)
        if not names:
            return
        parent = self._open_way(names[:-1])
        try:
            self._write_at(archive, entry, parent, names)
        finally:
            os.close(parent)

    def _open_way(self, names: "list[str]") -> int:
        assert self._base is not None
        here = os.dup(self._base)
        for name in names:
            _make_directory(name, here)
            before = here
            try:
                here = os.open(name, _DIRECTORY, dir_fd=before)
            finally:
                os.close(before)
        return here

    def _write_at(
        self, archive: TarFile, entry: TarInfo, parent: int, names: "list[str]"
    ) -> None:
        name = names[-1]
        if entry.isdir():
            _make_directory(name, parent)
            self._later.append((names, entry))
            return
        _remove(name, parent)
        if entry.issym():
            os.symlink(entry.linkname, name, dir_fd=parent)
            self._give(name, parent, entry)
        elif entry.islnk():
            self._link(entry, name, parent)
        elif entry.isfifo():
            os.mkfifo(name, dir_fd=parent)
        elif entry.isreg():
            self._write_file(archive, entry, parent, name)

    def _write_file(
        self, archive: TarFile, entry: TarInfo, parent: int, name: str
    ) -> None:
        source = archive.extractfile(entry)
        assert source
        with open(os.open(name, _NEW, 0o600, dir_fd=parent), "wb") as file:
            while piece := source.read(_PIECE):
                file.write(piece)
            file.flush()
            self._give(name, parent, entry)
            os.fchmod(file.fileno(), entry.mode & self._mode)
            os.utime(file.fileno(), (entry.mtime, entry.mtime))

    def _link(self, entry: TarInfo, name: str, parent: int) -> None:
        names = self._names(entry.linkname)
        other = self._open_way(names[:-1])
        try:
            os.link(
                names[-1],
                name,
                src_dir_fd=other,
                dst_dir_fd=parent,
                follow_symlinks=False,
            )
        finally:
            os.close(other)

    def _give(self, name: str, parent: int, entry: TarInfo) -> None:
        if not self._owners:
            return
        try:
            os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        except OSError:
            pass  # an id that is nobody's here: the file stays ours

    def _finish_directory(self, names: "list[str]", entry: TarInfo) -> None:
        """Set its mode when all is in it, because it may be for reading alone."""
        directory = self._open_way(names)
        try:
            self._give(".", directory, entry)
            os.fchmod(directory, entry.mode & self._mode)
            os.utime(directory, (entry.mtime, entry.mtime))
        finally:
            os.close(directory)


def _make_directory(name: str, parent: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        pass


def _remove(name: str, parent: int) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass
