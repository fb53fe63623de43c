"""blobs: files that are named by the hash of what is in them.

Whoever has the name can tell if it is the right file, wherever it came from; and two
images that have a layer in common have one file in common.  What is not finished has
another name, and gets this one in one step.
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from cfslib.images import locks, ours
from cfslib.images.compression import BadDigest

if TYPE_CHECKING:
    from hashlib import _Hash

Seen = Callable[[int], None]  # is told of bytes that are done
_BLOCK = 1 << 20
_SHA256 = "sha256:"
_PART = ".part"  # ends the name of what is not finished


class CutOff(ConnectionError):
    """A stream ended too early; what it brought is good, and more can be had."""


class Blobs:
    """A directory of blobs."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def path(self, digest: str) -> str:
        """Return where a blob is, or would be."""
        return f"{self._directory}/{digest.removeprefix(_SHA256)}"

    def has(self, digest: str, size: int | None = None) -> bool:
        """Say if a blob is there; it was verified when it came."""
        try:
            length = os.stat(self.path(digest)).st_size
        except FileNotFoundError:
            return False
        return size is None or length == size

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading."""
        return open(self.path(digest), "rb")

    def read(self, digest: str, most: int) -> bytes:
        """Return a small blob, and verify it once more."""
        with self.open(digest) as file:
            data = file.read(most + 1)
        return verified(data, digest)

    def size(self, digest: str) -> int:
        """Return the length of a blob in bytes; 0 if it is not there."""
        with suppress(FileNotFoundError):
            return os.stat(self.path(digest)).st_size
        return 0

    def add(
        self,
        digest: str,
        size: int,
        stream: BinaryIO,
        seen: Seen = lambda _: None,
        *,
        resumes: bool = False,
    ) -> None:
        """Take in a blob; raise `BadDigest` if it is another one than it should be.

        Who brings the same one at the same time waits, and finds it there.  If it
        `resumes`, what was brought before an interruption stays, and counts.
        """
        ours.make(self._directory)
        part = f"{self.path(digest)}{_PART}"
        while not self.has(digest, size):
            fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if locks.is_at(part, fd):  # else somebody has finished it meanwhile
                    self._fill(fd, part, digest, size, stream, seen, resumes)
            finally:
                os.close(fd)

    def _fill(
        self,
        fd: int,
        part: str,
        digest: str,
        size: int,
        stream: BinaryIO,
        seen: Seen,
        resumes: bool,
    ) -> None:
        try:
            have = os.fstat(fd).st_size if resumes else 0
            if 0 < have <= size and _is_completed(fd, digest, size, stream, seen):
                os.rename(part, self.path(digest))
                return
            os.lseek(fd, 0, os.SEEK_SET)
            os.ftruncate(fd, 0)  # somebody was killed before it was whole
            _verify(digest, _copied(stream, fd, size, seen, hashlib.sha256()))
            os.rename(part, self.path(digest))
        except BaseException as error:
            is_interrupted = isinstance(error, CutOff | KeyboardInterrupt)
            if not (resumes and is_interrupted and os.fstat(fd).st_size):
                os.unlink(part)
            if isinstance(error, OSError) and error.errno:
                error.filename = error.filename or self._directory
            raise

    def take(self, file: str, digest: str) -> None:
        """Make a file that is whole a blob; its hash is known."""
        ours.make(self._directory)
        try:
            os.rename(file, self.path(digest))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with open(file, "rb") as stream:
                self.add(digest, os.stat(file).st_size, stream)

    def __iter__(self) -> Iterator[str]:
        """Yield the digest of every blob that is whole."""
        for name in self._names():
            if not name.endswith(_PART):
                yield f"{_SHA256}{name}"

    def remove(self, digest: str) -> int:
        """Remove a blob; return its length."""
        size = self.size(digest)
        with suppress(FileNotFoundError):
            os.unlink(self.path(digest))
        return size

    def clear_parts(self) -> None:
        """Remove what nobody will finish: call it while nobody adds anything."""
        for name in self._names():
            if name.endswith(_PART):
                os.unlink(f"{self._directory}/{name}")

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._directory)
        except FileNotFoundError:
            return []


def verified(data: bytes, digest: str) -> bytes:
    """Return the data, if they are what the digest says."""
    _verify(digest, hashlib.sha256(data).hexdigest())
    return data


def _is_completed(
    fd: int, digest: str, size: int, stream: BinaryIO, seen: Seen
) -> bool:
    """Bring what a part lacks; say if it was a part of this blob."""
    hashed, have = hashlib.sha256(), 0
    while data := os.read(fd, _BLOCK):
        hashed.update(data)
        have += len(data)
    stream.seek(have)
    seen(have)
    try:
        _verify(digest, _copied(stream, fd, size - have, seen, hashed))
    except BadDigest:
        seen(-os.fstat(fd).st_size)
        stream.seek(0)
        return False
    return True


def _copied(stream: BinaryIO, fd: int, size: int, seen: Seen, hashed: "_Hash") -> str:
    """Copy a stream, and return its hash; it must not be longer than was said."""
    left = size
    while data := stream.read(min(_BLOCK, left + 1)):
        left -= len(data)
        if left < 0:
            raise BadDigest(f"a blob is longer than the {size} bytes it should have")
        hashed.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        seen(len(data))
    if left:
        raise BadDigest(f"a blob ends {left} bytes before the {size} it should have")
    return hashed.hexdigest()


def _verify(digest: str, found: str) -> None:
    if f"{_SHA256}{found}" != digest:
        raise BadDigest(f"a blob should be {digest}, and is {_SHA256}{found}")
