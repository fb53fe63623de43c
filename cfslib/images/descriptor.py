"""descriptor: what names a blob: what it is, its digest, how long it is.

See "OCI Content Descriptors" in the image specification.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cfslib.images.documents import BadDocument, part

_OCI, _DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
MANIFEST = _OCI + "manifest.v1+json"
INDEX = _OCI + "index.v1+json"
CONFIG = _OCI + "config.v1+json"
LAYER = _OCI + "layer.v1.tar"
MANIFESTS = (MANIFEST, _DOCKER + "distribution.manifest.v2+json")
INDEXES = (INDEX, _DOCKER + "distribution.manifest.list.v2+json")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_SIZE = 1 << 50


@dataclass(frozen=True)
class Descriptor:
    """A blob, by its digest."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what a document has of it."""
        found: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.platform:
            found["platform"] = dict(self.platform)
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return found


@dataclass(frozen=True)
class Named:
    """A manifest, or a list of them, and the name that it has where it comes from."""

    name: "str | None"
    descriptor: Descriptor


def read(found: Any, what: str) -> Descriptor:
    """Return what a document has as a descriptor."""
    if not isinstance(found, dict):
        raise BadDocument(f"{what}: a descriptor is not an object")
    size = part(found, "size", int, what, -1)
    if not 0 <= size < _SIZE:
        raise BadDocument(f"{what}: a descriptor has the size {size}")
    return Descriptor(
        part(found, "mediaType", str, what, ""),
        checked_digest(part(found, "digest", str, what, ""), what),
        size,
        part(found, "annotations", dict, what, {}),
        part(found, "platform", dict, what, {}),
    )


def checked_digest(digest: str, what: str) -> str:
    """Return a digest that can be the name of a file, and that we can verify."""
    if not _DIGEST.fullmatch(digest):
        raise BadDocument(f"{what}: {digest[:80]!r} is no digest by sha256")
    return digest


def blobs(manifest: Any, what: str) -> list[Descriptor]:
    """Return what a manifest names, or an index: its config first, then its layers."""
    if "manifests" in manifest:
        return [
            read(each, what) for each in part(manifest, "manifests", list, what, [])
        ]
    config = read(manifest.get("config"), what)
    layers = part(manifest, "layers", list, what, [])
    return [config, *(read(each, what) for each in layers)]
