"""layout: images as other tools leave them, in a directory or in one file.

The image specification has a directory for it, the *image layout*: blobs by their
digests, and `index.json` with the names.  The same in an archive is an OCI archive.
`docker save` writes another, older archive, which the module docker_archive reads.

    with layout.opened("image.tar") as source:
        for named in source.manifests():
            with source.blob(named.descriptor.digest) as stream: ...
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

from cfslib.images import compression, descriptor, documents, tar_index
from cfslib.images.descriptor import Descriptor, Named
from cfslib.images.docker_archive import DockerArchive
from cfslib.images.headers import BadArchive
from cfslib.images.layout_writer import write_docker, write_oci
from cfslib.images.tar_index import TarIndex

__all__ = ["Descriptor", "Named", "Source", "opened", "write_docker", "write_oci"]

_REF = "org.opencontainers.image.ref.name"
_FULL_NAME = "io.containerd.image.name"
_INDEX, _MARK, _DOCKER = "index.json", "oci-layout", "manifest.json"
_COPY = 1 << 18


class Source(Protocol):
    """Where images come from."""

    resumes: bool  # its blobs can be had from any byte on: they can be sought in

    def manifests(self) -> list[Named]:
        """Return what is there: manifests, and lists of them for several platforms."""

    def blob(self, digest: str) -> BinaryIO:
        """Open a blob for reading; nobody has checked its digest."""


@contextmanager
def opened(path: str) -> Generator[Source]:
    """Yield the images in a directory or an archive, whichever it is."""
    if os.path.isdir(path):
        yield _Layout(_Directory(path), path)
        return
    with open(path, "rb") as packed, _unpacked(packed, path) as file:
        index = TarIndex(file, path)
        if _MARK in index or _INDEX in index:
            yield _Layout(index, path)
        elif _DOCKER in index:
            yield DockerArchive(index, path)
        else:
            raise BadArchive(f"{path} has neither {_INDEX} nor {_DOCKER}: no image")


@contextmanager
def _unpacked(file: BinaryIO, path: str) -> Generator[BinaryIO]:
    """Yield an archive in which we can go back, if need be unpacked on disk."""
    if tar_index.is_tar(file):
        yield file
        return
    import tempfile  # here, because most archives are as they should be

    with (
        tempfile.TemporaryFile() as copy,
        compression.opened(tar_index.readable(file)) as stream,
    ):
        while block := stream.read1(_COPY):
            copy.write(block)
        copy.seek(0)
        if not tar_index.is_tar(copy):
            raise BadArchive(f"{path} is no archive of an image")
        yield copy


class _Directory:
    """The files of a directory, as `TarIndex` has those of an archive."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __contains__(self, name: str) -> bool:
        return os.path.exists(os.path.join(self._path, name))

    def open(self, name: str) -> BinaryIO:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        return os.fdopen(os.open(os.path.join(self._path, name), flags), "rb")


class _Layout:
    """An image layout."""

    resumes = False

    def __init__(self, files: "_Directory | TarIndex", path: str) -> None:
        self._files, self._path = files, path

    def manifests(self) -> list[Named]:
        what = f"{self._path}/{_INDEX}"
        if _INDEX not in self._files:
            raise BadArchive(f"{self._path} has no {_INDEX}: no image layout")
        with self._files.open(_INDEX) as file:
            data = documents.read(tar_index.readable(file), what)
        index = documents.parsed(data, what)
        found = [
            descriptor.read(each, what)
            for each in documents.part(index, "manifests", list, what, [])
        ]
        return [Named(_name(each), each) for each in found]

    def blob(self, digest: str) -> BinaryIO:
        name = (
            f"blobs/{descriptor.checked_digest(digest, self._path).replace(':', '/')}"
        )
        if name not in self._files:
            raise FileNotFoundError(f"{self._path} has no blob {digest}")
        return self._files.open(name)


def _name(found: Descriptor) -> "str | None":
    name = found.annotations.get(_FULL_NAME) or found.annotations.get(_REF)
    return name if isinstance(name, str) else None
