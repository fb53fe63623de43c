"""pulling: an image of a registry, as something that a store can load."""

import hashlib
import io
import time
from typing import Any, BinaryIO, cast

from cfslib.images import manifests
from cfslib.images.blobs import CutOff
from cfslib.images.compression import BadDigest
from cfslib.images.descriptor import Descriptor, Named
from cfslib.images.reference import Reference
from cfslib.images.registry import Registry, first_byte
from cfslib.images.urls import Refused
from cfslib.images.web import TRIES, Answer, pause

_A_LOT = 1 << 20  # bytes: after so many, the line is as good as new


class Remote:
    """An image of a registry; all kinds of machines that it is there for."""

    resumes = True

    def __init__(self, where: Reference) -> None:
        self._registry = Registry(where)
        self._where = where
        self._lists: set[str] = set()  # digests of what has an address as a manifest
        self._texts: dict[str, bytes] = {}

    def manifests(self) -> list[Named]:
        """Return the one manifest, or list, that the name stands for."""
        which = self._where.digest or self._where.tag
        return [Named(str(self._where), self._manifest(which))]

    def blob(self, digest: str) -> BinaryIO:
        """Open a blob or a manifest; nobody has checked its digest."""
        if digest in self._lists and digest not in self._texts:
            self._manifest(digest)
        if digest in self._texts:
            return io.BytesIO(self._texts[digest])
        return cast(BinaryIO, _Blob(self._registry, digest))

    def _manifest(self, which: str) -> Descriptor:
        """Fetch a manifest or a list, and remember what the list names."""
        kind, told, data = self._registry.manifest(which)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        wanted = which if which == self._where.digest or which in self._lists else told
        if wanted and wanted != digest:
            raise BadDigest(f"a manifest should be {wanted[:80]!r}, and is {digest}")
        found = manifests.read(data)
        if not isinstance(found, manifests.Manifest):
            self._lists |= {entry.digest for entry in found}
        self._texts[digest] = data
        return Descriptor(kind, digest, len(data))


class _Blob(io.RawIOBase):
    """A blob; where the line is cut, it is asked for the rest."""

    def __init__(self, registry: Registry, digest: str) -> None:
        super().__init__()
        self._registry, self._digest = registry, digest
        self._at = self._good_until = 0
        self._cuts = 0
        self._answer: Answer | None = None
        self._is_over = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._let_go()
        self._at, self._is_over = offset, False
        return offset

    def close(self) -> None:
        self._let_go()
        super().close()

    def readinto(self, buffer: Any, /) -> int:
        while not self._is_over:
            try:
                block = self._next(len(buffer))
            except CutOff:
                self._let_go()
                if self._cuts >= TRIES - 1:
                    raise
                time.sleep(pause(self._cuts))
                self._cuts += 1
                self._good_until = self._at + _A_LOT
                continue
            buffer[: len(block)] = block
            self._at += len(block)
            if self._at > self._good_until:
                self._cuts = 0
            return len(block)
        return 0

    def _next(self, size: int) -> bytes:
        if self._answer is None:
            self._answer = self._registry.blob(self._digest, self._at)
            if self._answer is None:
                self._is_over = True
                return b""
            self._skip(self._answer, self._at - first_byte(self._answer))
        return self._answer.read1(size)

    def _skip(self, answer: Answer, count: int) -> None:
        """Read what we have: not every registry can begin in the middle."""
        if count < 0:
            raise Refused(f"{self._registry.host} does not begin where it was asked to")
        while count and (block := answer.read1(min(count, _A_LOT))):
            count -= len(block)

    def _let_go(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None
