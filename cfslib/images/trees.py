"""trees: the root filesystem of an image, its layers merged into one directory.

A container has an overlay above it, so a tree is never written to, and one serves all
containers and all images that have the same layers.  Its name is the chain id of the
OCI image specification: a hash that stands for a layer and all those below it.

    trees/HEX/root        a tree; who uses it holds a shared lock on trees/HEX
    trees/HEX.part/root   one that is being made, and gets its name in one step

An image that has layers in common with another begins as a copy of that one's tree, in
which files are hard links.  Where an ordinary user may not give files to others, owners
are recorded, and the tree has another name.
"""

import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from cfslib.images import locks, ours
from cfslib.images.picked import RECORDED

_PART = ".part"
_SIZE = "size"  # a file beside the tree
EMPTY = hashlib.sha256().hexdigest()  # the chain id of no layers at all

Below = Callable[[str], None]  # is to add what is missing to a tree


class Trees:
    """A directory of trees."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def path(self, key: str) -> str:
        """Return where a tree is, or would be."""
        return f"{self._directory}/{key}/root"

    def has(self, key: str) -> bool:
        """Say if there is such a tree."""
        return os.path.isdir(self.path(key))

    def below(self, keys: Sequence[str]) -> int:
        """Return how many layers of an image are in a tree that is there."""
        numbers = range(len(keys), 0, -1)
        return next((one for one in numbers if self.has(keys[one - 1])), 0)

    def make(self, key: str, base: str | None, complete: Below) -> None:
        """Make a tree: a copy of `base`, if there is one, that is then completed.

        Who makes the same one at the same time waits, and finds it there.
        """
        ours.make(self._directory)
        part = f"{self._directory}/{key}{_PART}"
        while not self.has(key):
            ours.make(part)
            fd = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if locks.is_at(part, fd):  # else somebody has finished it meanwhile
                    self._fill(part, base, complete)
                    ours.remove(f"{self._directory}/{key}")  # what has lost its tree
                    os.rename(part, f"{self._directory}/{key}")
            finally:
                os.close(fd)

    def _fill(self, part: str, base: str | None, complete: Below) -> None:
        try:
            for name in os.listdir(part):  # of somebody who was killed
                ours.remove(f"{part}/{name}")
            root = f"{part}/root"
            if base:
                from cfslib.images import layers  # here, because most trees are there

                layers.copy_linked(self.path(base), root)
            else:
                os.mkdir(root)
                os.chmod(root, 0o755)  # whatever the umask is
            complete(root)
            ours.write(f"{part}/{_SIZE}", str(_length(root)).encode())
        except BaseException:
            with suppress(OSError):  # if it cannot be, `prune` says why
                ours.remove(part)
            raise

    def size(self, key: str) -> int:
        """Return how many bytes the files of a tree have."""
        return int(ours.read(f"{self._directory}/{key}/{_SIZE}") or 0)

    def __iter__(self) -> Iterator[str]:
        """Yield the name of every tree that is whole."""
        for name in self._names():
            if not name.endswith(_PART):
                yield name

    def users(self, key: str) -> list[int] | None:
        """Return the processes that use a tree, if the kernel tells; None if none."""
        place = f"{self._directory}/{key}"
        try:
            with locks.held(place, patience=0):
                return None
        except FileNotFoundError:
            return None
        except locks.Busy:
            return locks.holders(place)

    def remove(self, key: str) -> int | None:
        """Remove a tree and return the bytes that are free then; None if it is in use.

        Call it while nobody makes one.
        """
        place = f"{self._directory}/{key}"
        gone = f"{place}{_PART}"
        try:
            with locks.held(place, patience=0):
                ours.remove(gone)
                os.rename(place, gone)  # if we are killed half way, it is not found
                freed = _used(gone)
                ours.remove(gone)
        except FileNotFoundError:
            return 0
        except locks.Busy:
            return None
        return freed

    def clear_parts(self) -> None:
        """Remove what nobody will finish: call it while nobody makes anything."""
        for name in self._names():
            if name.endswith(_PART):
                ours.remove(f"{self._directory}/{name}")

    def _names(self) -> list[str]:
        return os.listdir(self._directory) if os.path.isdir(self._directory) else []


def keys(diff_ids: Sequence[str], owners: str) -> list[str]:
    """Return a name for the tree of each layer with all those below it.

    >>> one, two = keys(["sha256:" + "0" * 64, "sha256:" + "1" * 64], "real")
    >>> one == "0" * 64, len(two)
    (True, 64)
    """
    chain, found = "", []
    for digest in diff_ids:
        both = f"{chain} {digest}".encode()
        chain = f"sha256:{hashlib.sha256(both).hexdigest()}" if chain else digest
        found.append(chain)
    ends = [one.removeprefix("sha256:") for one in found] or [EMPTY]
    return [f"{one}-{owners}" if owners == RECORDED else one for one in ends]


def _length(root: str) -> int:
    """Return the bytes of all files, each once however many names it has."""
    seen = {(one.st_ino, one.st_size) for one in _files(root)}
    return sum(size for _, size in seen)


def _used(root: str) -> int:
    """Return the bytes of the files that no other tree has too."""
    return sum(one.st_blocks * 512 for one in _files(root) if one.st_nlink == 1)


def _files(root: str) -> Iterator[os.stat_result]:
    for _, _, names, directory in os.fwalk(root):
        for name in names:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield status
