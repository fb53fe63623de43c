"""placing: take a COPY, an ADD or a WORKDIR: files that come from elsewhere."""

import bz2
import lzma
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, BinaryIO

from cfslib.builder import taking, workplace
from cfslib.builder.copying import Owner, Target
from cfslib.builder.workplace import Root
from cfslib.images import compression, headers, layers, tar_index
from cfslib.images.context import Files, NotThere
from cfslib.images.headers import BadArchive
from cfslib.images.picked import REAL
from cfslib.isolation import users

_PASSWD = 4 << 20  # bytes
_MAGICS: dict[bytes, Callable[[BinaryIO], IO[bytes]]] = {
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}


@dataclass(frozen=True)
class Wanted:
    """Files to copy."""

    to: str  # absolute
    inside: bool  # `to` is a directory, or becomes one
    sources: tuple[str, ...] = ()
    chown: str = ""
    chmod: int | None = None
    unpack: bool = False  # what is an archive


def place_files(
    place: str, root: Root, source: Files | Root, wanted: Wanted, owners: str
) -> tuple[str, int] | None:
    """Copy files onto a root; return the digest and the size of the layer.

    They come from a context, or from another root.  Call it where mounts are ours.
    """
    with _files(source, place) as files:
        seen = workplace.writable(root, place)
        owner = None if isinstance(source, Root) else (0, 0)
        if wanted.chown:
            owner = _owner(wanted.chown, seen, place)
        real = owners == REAL
        with Target(seen, owner, wanted.chmod, real=real) as target:
            places = _places(files, wanted)
            archives = [one for one in places if wanted.unpack and _opens(files, one)]
            others = [one for one in places if one not in archives]
            target.put(files, others, wanted.to, inside=wanted.inside)
        for number, one in enumerate(archives):
            _unpack(files, one, f"{place}/unpacked{number}", seen, wanted.to, owners)
    return taking.take(place, root, f"{place}/layer.tar")


def make_directory(
    place: str, root: Root, path: str, owners: str
) -> tuple[str, int] | None:
    """Make a directory on a root, unless it is there; return the layer."""
    seen = workplace.writable(root, place)
    with Target(seen, (0, 0), None, real=owners == REAL) as target:
        target.make_directory(path)
    return taking.take(place, root, f"{place}/layer.tar")


def _files(source: Files | Root, place: str) -> Files:
    if isinstance(source, Files):
        return source
    return Files(workplace.shown(source, f"{place}/from"))


def _places(files: Files, wanted: Wanted) -> list[str]:
    found = [one for source in wanted.sources for one in files.named(source)]
    if len(found) > 1 and not wanted.inside:
        raise NotThere(f"{wanted.to} has to end in /, because several files come there")
    return found


def _owner(text: str, root: str, place: str) -> Owner:
    """Return the ids of USER[:GROUP], by the passwd and the group of a root."""
    user, _, group = text.partition(":")
    if user.isdecimal() and not group:
        return _checked(int(user), int(user))
    etc = f"{place}/etc"
    os.mkdir(etc, 0o700)
    with Files(root) as files:
        for name in ("passwd", "group"):
            try:
                data = files.text(f"etc/{name}", _PASSWD)
            except NotThere:
                continue
            with open(f"{etc}/{name}", "wb") as file:
                file.write(data)
    try:
        found = users.look_up(text, etc=etc)
    except LookupError as error:
        raise NotThere(str(error).replace(etc, "/etc")) from None
    return _checked(found.uid, found.gid)


def _checked(*ids: int) -> Owner:
    for one in ids:
        if one > users.LAST_ID:
            raise NotThere(f"{one} is no id")
    uid, gid = ids
    return uid, gid


def _opens(files: Files, place: str) -> bool:
    """Say if a file is an archive, packed or not."""
    fd = files.opened(place)
    is_file = stat.S_ISREG(os.fstat(fd).st_mode)
    os.close(fd)
    if not is_file:
        return False
    try:
        with open(files.file(place, ""), "rb") as file:
            with compression.opened(tar_index.readable(_plain(file))) as stream:
                start = b""
                while len(start) < headers.BLOCK and (block := stream.read1(512)):
                    start += block
            return len(start) >= headers.BLOCK and bool(headers.unpacked(start[:512]))
    except (BadArchive, OSError, EOFError, lzma.LZMAError):
        return False


def _plain(file: BinaryIO) -> BinaryIO:
    """Return a file unpacked, if it is packed as layers never are."""
    start = file.read(6)
    file.seek(0)
    for magic, unpacked in _MAGICS.items():
        if start.startswith(magic):
            found: IO[bytes] = unpacked(file)
            return found  # type: ignore[return-value]
    return file


def _unpack(
    files: Files, place: str, directory: str, root: str, to: str, owners: str
) -> None:
    """Unpack an archive beside the root, and copy what was in it."""
    os.mkdir(directory, 0o700)
    try:
        with (
            open(files.file(place, ""), "rb") as file,
            compression.opened(tar_index.readable(_plain(file))) as stream,
        ):
            layers.apply(stream, directory, owners=owners)
    except (BadArchive, EOFError, lzma.LZMAError) as error:
        raise NotThere(f"{place}: {error}") from None
    real = owners == REAL
    with Files(directory) as found, Target(root, None, None, real=real) as target:
        target.put(found, [""], to, inside=True)
