"""pushing: bring an image from a store to a registry, without what is there already.

The parts go first, because a registry takes no manifest that speaks of what it has not.
A layer of another repository there is asked for by name, and need not travel at all.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from cfslib.images import documents, locks, repacked
from cfslib.images.compression import BadDigest
from cfslib.images.descriptor import Descriptor
from cfslib.images.manifests import Manifest
from cfslib.images.picked import Picked
from cfslib.images.progress import Progress, unseen
from cfslib.images.reference import Reference, parse
from cfslib.images.registry import Registry
from cfslib.images.store import Store
from cfslib.images.urls import shown

_BLOCK = 1 << 18
_MOUNTS = 4  # repositories that are asked for a blob


@dataclass
class Pushed:
    """What came of a push."""

    digest: str  # of the manifest, as the registry has it
    sent: int = 0  # bytes of blobs
    mounted: int = 0  # blobs that another repository had


def push(
    store: Store, image: Picked, where: Reference, *, progress: Progress = unseen
) -> Pushed:
    """Bring an image to a registry, under a tag there."""
    if where.digest or not where.tag:
        raise ValueError(f"{where.familiar}: an image is pushed under a tag")
    with locks.held(store.directory, shared=True):  # nobody clears it away meanwhile
        return _Push(store, image, where, progress).run()


class _Push:
    """One push of an image."""

    def __init__(
        self, store: Store, image: Picked, where: Reference, progress: Progress
    ) -> None:
        self._store, self._image, self._where = store, image, where
        self._registry = Registry(where)
        self._progress = progress
        self._done = self._total = 0
        self._pushed = Pushed("")
        self._there: set[str] = set()  # blobs

    def run(self) -> Pushed:
        data = self._store.blobs.read(self._image.manifest, documents.LIMIT)
        manifest = self._store.manifest(self._image)
        self._total = sum(layer.size for layer in manifest.layers)
        known = dict(_known_packed(self._store))
        layers = [self._layer(layer, known) for layer in manifest.layers]
        self._blob(manifest.config)
        if layers != list(manifest.layers):
            data = _with_layers(data, layers)
        kind = self._store.names.media_type(self._image)
        told = self._registry.put_manifest(self._where.tag, kind, data)
        self._pushed.digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if told not in ("", self._pushed.digest):
            raise BadDigest(f"the registry calls {self._pushed.digest} {shown(told)}")
        return self._pushed

    def _layer(self, layer: Descriptor, known: dict[str, Descriptor]) -> Descriptor:
        """Have a layer there, packed; return what it is called there."""
        store = self._store
        if not repacked.is_plain(store.blobs, layer):
            self._blob(layer)
            return layer
        there = known.get(layer.digest) or store.repacked.find(layer)
        if there and (store.blobs.has(there.digest) or self._is_there(there)):
            self._blob(there, length=layer.size)
            return there
        with repacked.packed(store.blobs, layer, store.directory) as (there, file):
            store.repacked.keep(layer.digest, there)
            self._blob(there, file, layer.size)
        return there

    def _blob(
        self, what: Descriptor, file: IO[bytes] | None = None, length: int = 0
    ) -> None:
        """Have a blob there; `length` counts for the progress."""
        before, length = self._done, length or what.size
        if not self._is_there(what):
            if file is None:
                with self._store.blob(what.digest) as source:
                    self._send(what, source, length)
            else:
                self._send(what, file, length)
        self._seen(before + length)

    def _is_there(self, what: Descriptor) -> bool:
        """Say if the repository has a blob, or can have it from another one."""
        if what.digest in self._there or self._registry.has(what.digest) is not None:
            self._there.add(what.digest)
            return True
        for other in _other_repositories(self._store, what.digest, self._where):
            if self._registry.mount(what.digest, other):
                self._pushed.mounted += 1
                return True
        return False

    def _send(self, what: Descriptor, file: IO[bytes], length: int) -> None:
        before = self._done

        def blocks() -> Iterator[bytes]:
            file.seek(0)
            while block := file.read(_BLOCK):
                yield block
                self._seen(before + length * file.tell() // max(what.size, 1))

        self._registry.put_blob(what.digest, what.size, blocks)
        self._pushed.sent += what.size

    def _seen(self, done: int) -> None:
        self._done = done
        self._progress(min(done, self._total), self._total)


def _images(store: Store) -> Iterator[tuple[Reference, Picked, Manifest]]:
    """Yield the images of a store that are whole, with where each comes from."""
    for image in store.images():
        try:
            yield parse(image.name), image, store.manifest(image)
        except (OSError, ValueError):
            continue  # it is broken, and can still be removed


def _known_packed(store: Store) -> Iterator[tuple[str, Descriptor]]:
    """Yield the diff id and the packed layer of all layers of all images."""
    for _, image, manifest in _images(store):
        try:
            diff_ids = store.config(image).diff_ids
        except (OSError, ValueError):
            continue
        for diff_id, layer in zip(diff_ids, manifest.layers, strict=False):
            if diff_id != layer.digest:
                yield diff_id, layer


def _other_repositories(store: Store, digest: str, where: Reference) -> Iterator[str]:
    """Yield the repositories of a registry that may have a blob, by our images."""
    found = {
        name.repository
        for name, _, manifest in _images(store)
        if name.registry == where.registry
        if digest in [part.digest for part in (manifest.config, *manifest.layers)]
    }
    yield from sorted(found - {where.repository})[:_MOUNTS]


def _with_layers(data: bytes, layers: list[Descriptor]) -> bytes:
    """Return a manifest that names other layers, and is the same in all else."""
    top: dict[str, Any] = documents.parsed(data, "manifest")
    for entry, layer in zip(top["layers"], layers, strict=True):
        entry |= {"digest": layer.digest, "size": layer.size}
        entry["mediaType"] = layer.media_type
    return json.dumps(top, separators=(",", ":")).encode()
