"""repacked: layers as they travel: compressed, and which digest each has then.

What `docker save` wrote has plain layers.  They are packed when they are pushed, and
the digest is remembered by that of the plain layer, its diff id: no registry has a blob
by that name, so only who remembers can ask whether the layer is there already.
"""

import gzip
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import IO

from cfslib.images import compression, ours, reference, tar_index
from cfslib.images.blobs import Blobs
from cfslib.images.compression import Hashed
from cfslib.images.descriptor import Descriptor

_LEVEL = 6  # what gzip(1) does, too
_BLOCK = 1 << 18
_OCI, _DOCKER = "application/vnd.oci.", "application/vnd.docker."
_PLAIN = {_DOCKER: "image.rootfs.diff.tar.gzip", _OCI: "image.layer.v1.tar+gzip"}


class Repacked:
    """What is known of packed layers: a small file for each plain one."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def find(self, plain: Descriptor) -> Descriptor | None:
        """Return what a layer is called packed, if we packed it once."""
        said = ours.read(self._path(plain.digest)).decode("ascii", "replace")
        digest, _, size = said.partition(" ")
        if not reference.is_digest(digest) or not size.isdecimal():
            return None
        return Descriptor(packed_type(plain.media_type), digest, int(size))

    def keep(self, plain: str, packed: Descriptor) -> None:
        """Remember what a layer is called packed."""
        ours.make(self._directory)
        ours.write(self._path(plain), f"{packed.digest} {packed.size}".encode())

    def clear(self, needed: set[str]) -> None:
        """Forget all but these layers, and what was never finished."""
        with suppress(FileNotFoundError):
            for name in os.listdir(self._directory):
                if f"sha256:{name}" not in needed:
                    ours.remove(f"{self._directory}/{name}")

    def _path(self, plain: str) -> str:
        return f"{self._directory}/{plain.removeprefix('sha256:')}"


def is_plain(blobs: Blobs, layer: Descriptor) -> bool:
    """Say if a layer is not compressed, whatever its type says."""
    with blobs.open(layer.digest) as file:
        return not compression.suffix(tar_index.readable(file))


def packed_type(media_type: str) -> str:
    """Return the type of a layer when it is packed, in the same family."""
    family = _DOCKER if media_type.startswith(_DOCKER) else _OCI
    return f"{family}{_PLAIN[family]}"


@contextmanager
def packed(
    blobs: Blobs, plain: Descriptor, directory: str
) -> Generator[tuple[Descriptor, IO[bytes]]]:
    """Pack a layer, the same way each time; yield what it is, and a file without name.

    The name of no file and no time is in it, so that its digest is always the same.
    """
    with tempfile.TemporaryFile(dir=directory) as file:
        with (
            blobs.open(plain.digest) as source,
            gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packer,
        ):
            while block := source.read(_BLOCK):
                packer.write(block)
        file.seek(0)
        hashed = Hashed(file)
        hashed.read_all()
        kind = packed_type(plain.media_type)
        yield Descriptor(kind, hashed.digest, hashed.length), file
