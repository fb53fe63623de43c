"""layout_writer: write images so that other tools can read them."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

from cfslib.images import compression, descriptor, documents, tar_index
from cfslib.images.descriptor import Descriptor, Named
from cfslib.images.entry import Entry, Kind
from cfslib.images.headers import BadArchive
from cfslib.images.writer import Writer

_REF = "org.opencontainers.image.ref.name"
_FULL_NAME = "io.containerd.image.name"
_COPY = 1 << 18

Open = Callable[[str], BinaryIO]  # a blob, by its digest


class _Target(Protocol):
    def add(self, name: str, size: int, data: BinaryIO | bytes) -> None: ...


def write_oci(path: str, images: Iterable[Named], blob: Open, *, archive: bool) -> None:
    """Write an image layout: a directory, or an archive of one."""
    images = list(images)
    with _target(path, archive=archive) as target:
        target.add("oci-layout", *_sized(_json({"imageLayoutVersion": "1.0.0"})))
        written: set[str] = set()
        for image in images:
            _add_all(target, image.descriptor, blob, written)
        index = {
            "schemaVersion": 2,
            "mediaType": descriptor.INDEX,
            "manifests": [_named(image) for image in images],
        }
        target.add("index.json", *_sized(_json(index)))


def write_docker(path: str, images: Iterable[Named], blob: Open) -> None:
    """Write an archive as `docker save` does; each image has one manifest."""
    with _target(path, archive=True) as target:
        written: set[str] = set()
        found: dict[str, dict[str, Any]] = {}
        for image in images:
            digest = image.descriptor.digest
            if digest not in found:
                found[digest] = _add_image(target, image.descriptor, blob, written)
            if image.name:
                found[digest]["RepoTags"].append(image.name)
        target.add("manifest.json", *_sized(_json(list(found.values()))))


def _add_image(
    target: _Target, manifest: Descriptor, blob: Open, written: set[str]
) -> dict[str, Any]:
    """Write a config and layers, and return what names them."""
    if manifest.media_type in descriptor.INDEXES:
        raise BadArchive(f"{manifest.digest} is a list of images, not one")
    config, *layers = descriptor.blobs(_manifest(manifest, blob), manifest.digest)
    names = {each.digest: f"{each.digest[7:]}.tar" for each in layers}
    names[config.digest] = f"{config.digest[7:]}.json"
    for each in (config, *layers):
        if each.digest not in written:
            written.add(each.digest)
            _add_blob(target, names[each.digest], each, blob)
    return {
        "Config": names[config.digest],
        "RepoTags": [],
        "Layers": [names[each.digest] for each in layers],
    }


def _add_all(target: _Target, what: Descriptor, blob: Open, written: set[str]) -> None:
    """Write a blob and, before it, those that it names."""
    if what.digest in written:
        return
    written.add(what.digest)
    if what.media_type in (*descriptor.MANIFESTS, *descriptor.INDEXES):
        for each in descriptor.blobs(_manifest(what, blob), what.digest):
            _add_all(target, each, blob, written)
    _add_blob(target, f"blobs/{what.digest.replace(':', '/')}", what, blob)


def _manifest(what: Descriptor, blob: Open) -> Any:
    with blob(what.digest) as file:
        hashed = compression.Hashed(tar_index.readable(file))
        data = documents.read(hashed, what.digest)
        hashed.check(what.digest)
    return documents.parsed(data, what.digest)


def _add_blob(target: _Target, name: str, what: Descriptor, blob: Open) -> None:
    with blob(what.digest) as file:
        target.add(name, what.size, file)


def _named(image: Named) -> dict[str, Any]:
    found = image.descriptor.as_json()
    annotations = found.pop("annotations", {})
    annotations.pop(_REF, None)
    annotations.pop(_FULL_NAME, None)
    if image.name:
        tag = image.name.rpartition("/")[2].partition(":")[2] or image.name
        annotations |= {_FULL_NAME: image.name, _REF: tag}
    return found | ({"annotations": annotations} if annotations else {})


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _sized(data: bytes) -> tuple[int, bytes]:
    return len(data), data


@contextmanager
def _target(path: str, *, archive: bool) -> Iterator[_Target]:
    """Yield what takes files; nothing is left of it if something fails."""
    if not archive:
        os.makedirs(path, exist_ok=True)
        yield _Directory(path)
        return
    try:
        with open(path, "wb") as file:
            writer = Writer(file)
            yield _Archive(writer)
            writer.close()
    except BaseException:
        if os.path.isfile(path):
            os.unlink(path)
        raise


class _Archive:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._directories: set[str] = set()

    def add(self, name: str, size: int, data: BinaryIO | bytes) -> None:
        # Directories are named, because skopeo gives root those that are not, and
        # fails at that for an ordinary user.
        parts = name.split("/")[:-1]
        for length in range(1, len(parts) + 1):
            directory = "/".join(parts[:length])
            if directory not in self._directories:
                self._directories.add(directory)
                self._writer.add(Entry(directory, Kind.DIRECTORY, 0o755))
        self._writer.add(Entry(name, Kind.FILE, size=size), data)


class _Directory:
    def __init__(self, path: str) -> None:
        self._path = path

    def add(self, name: str, size: int, data: BinaryIO | bytes) -> None:
        path = os.path.join(self._path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        draft = f"{path}.{os.getpid()}"
        with open(draft, "wb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                while block := data.read(_COPY):
                    file.write(block)
            if file.tell() != size:
                raise BadArchive(f"{name} should have {size} bytes, not {file.tell()}")
        os.rename(draft, path)
