"""docker_archive: the archives that `docker save` writes.

`manifest.json` in it names for each image a config, names, and layers, which are
unpacked.  There is no manifest as registries have it, so one is made here; it is the
same each time.
"""

import hashlib
import io
import json
from typing import Any, BinaryIO

from cfslib.images import compression, descriptor, documents, tar_index
from cfslib.images.descriptor import Descriptor, Named
from cfslib.images.documents import part
from cfslib.images.headers import BadArchive
from cfslib.images.tar_index import TarIndex

_MANIFEST = "manifest.json"


class DockerArchive:
    """The images of an archive."""

    resumes = False

    def __init__(self, files: TarIndex, path: str) -> None:
        self._files, self._path = files, path
        self._names: dict[str, str] = {}  # of blobs: where they are in the archive
        self._made: dict[str, bytes] = {}  # manifests
        self._manifests: list[Named] | None = None

    def manifests(self) -> list[Named]:
        """Return what is there."""
        if self._manifests is None:
            what = f"{self._path}/{_MANIFEST}"
            images = documents.parsed(self._read(_MANIFEST), what, list)
            self._manifests = [
                named for image in images for named in self._image(image, what)
            ]
        return self._manifests

    def blob(self, digest: str) -> BinaryIO:
        """Open a blob for reading; nobody has checked its digest."""
        self.manifests()
        if digest in self._made:
            return io.BytesIO(self._made[digest])
        if digest not in self._names:
            raise FileNotFoundError(f"{self._path} has no blob {digest}")
        return self._files.open(self._names[digest])

    def _read(self, name: str) -> bytes:
        with self._files.open(name) as file:
            return documents.read(tar_index.readable(file), f"{self._path}/{name}")

    def _image(self, image: Any, what: str) -> list[Named]:
        """Make a manifest of what the archive says of one image."""
        if not isinstance(image, dict):
            raise BadArchive(f"{what}: an image is not an object")
        name = part(image, "Config", str, what, "")
        config = self._read(name)
        layers = part(image, "Layers", list, what, [])
        described = Descriptor(descriptor.CONFIG, _digest(config), len(config))
        self._names[described.digest] = name
        diff_ids = self._diff_ids(config, name)
        if len(layers) != len(diff_ids):
            raise BadArchive(
                f"{what}: {len(layers)} layers, and {len(diff_ids)} diff_ids"
            )
        manifest = {
            "schemaVersion": 2,
            "mediaType": descriptor.MANIFEST,
            "config": described.as_json(),
            "layers": [
                self._layer(str(layer), diff_id).as_json()
                for layer, diff_id in zip(layers, diff_ids, strict=True)
            ],
        }
        data = json.dumps(manifest, sort_keys=True).encode()
        found = Descriptor(descriptor.MANIFEST, _digest(data), len(data))
        self._made[found.digest] = data
        names = part(image, "RepoTags", list, what, []) or [None]
        return [Named(name and str(name), found) for name in names]

    def _diff_ids(self, config: bytes, name: str) -> list[str]:
        what = f"{self._path}/{name}"
        rootfs = part(documents.parsed(config, what), "rootfs", dict, what, {})
        found = part(rootfs, "diff_ids", list, what, [])
        return [descriptor.checked_digest(str(each), what) for each in found]

    def _layer(self, name: str, diff_id: str) -> Descriptor:
        """Return what names a layer; an unpacked one has the digest it should."""
        with self._files.open(name) as file:
            stream = compression.Hashed(tar_index.readable(file))
            media_type, digest = descriptor.LAYER, diff_id
            if suffix := compression.suffix(stream):
                stream.read_all()
                media_type, digest = f"{media_type}{suffix}", stream.digest
        self._names[digest] = name
        return Descriptor(media_type, digest, self._files.size(name))


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
