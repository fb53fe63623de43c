"""taking: make a layer of what a step has written.

What is there because a container needs it, and not because the step made it, stays out:
/dev, /proc and /sys lie in a layer of their own, and /etc/resolv.conf and /etc/hosts
are the host's for as long as a command runs.
"""

import hashlib
import os
import stat
from typing import BinaryIO

from cfslib.builder import workplace
from cfslib.builder.workplace import Root
from cfslib.images import diff

OF_THE_HOST = ("/etc/resolv.conf", "/etc/hosts")  # while a command runs


class _Hashed:
    """A file that is written, and its hash."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def take(place: str, root: Root, file: str) -> tuple[str, int] | None:
    """Write the layer at `place` to a file; return its digest and its size.

    None if the step has changed nothing.  Call it where mounts are ours.
    """
    below = workplace.shown(root, f"{place}/below")
    upper = workplace.upper(place)
    if not _has_changed(upper, below):
        return None
    return archive(upper, file, below)


def archive(tree: str, file: str, below: str | None = None) -> tuple[str, int]:
    """Write a directory as a layer; return the digest and the size of that."""
    with open(file, "wb", buffering=1 << 18) as out:
        hashed = _Hashed(out)
        diff.diff(tree, hashed, lower=below)  # type: ignore[arg-type]
    return hashed.digest, hashed.size


def _has_changed(upper: str, below: str) -> bool:
    return bool(os.listdir(upper)) or not _is_alike(os.stat(upper), os.stat(below))


def without_what_is_the_hosts(place: str, root: Root) -> None:
    """Take files of the host's out of a layer, and places that were made for them."""
    below = workplace.shown(root, f"{place}/below")
    upper = workplace.upper(place)
    for path in OF_THE_HOST:
        way = _real(path, below)
        try:
            os.unlink(f"{upper}/{way}")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        while way := way.rpartition("/")[0]:
            if not _is_made_for_it(f"{upper}/{way}", f"{below}/{way}"):
                break
            os.rmdir(f"{upper}/{way}")


def _real(path: str, root: str) -> str:
    """Return where a path leads to in a root, as far as there are links."""
    place, links = "", 0
    ahead = path.split("/")[::-1]
    while ahead:
        name = ahead.pop()
        if name == "..":
            place = place.rpartition("/")[0]
        elif name not in ("", "."):
            here = f"{place}/{name}" if place else name
            try:
                target = os.readlink(f"{root}/{here}")
            except OSError:
                place = here
                continue
            links += 1
            if links > 40:
                return path.strip("/")
            place = "" if target.startswith("/") else place
            ahead += target.split("/")[::-1]
    return place


def _is_made_for_it(upper: str, below: str) -> bool:
    """Say if a directory of a layer is empty, and no other than the one below."""
    if os.path.islink(upper) or os.listdir(upper):
        return False
    try:
        there = os.lstat(below)
    except (FileNotFoundError, NotADirectoryError):
        return True
    return stat.S_ISDIR(there.st_mode) and _is_alike(os.lstat(upper), there)


def _is_alike(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_mode, one.st_uid, one.st_gid) == (
        other.st_mode,
        other.st_uid,
        other.st_gid,
    )
